"""C++ text as the checks see it: tokens, and braces told apart by what they are for.

This is no parser. It knows enough of the language to find statements, lambdas and functions in formatted source, and is
tried out on good and bad samples in test_checks.py.
"""

import re
from dataclasses import dataclass, field

TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<line_comment>//[^\n]*)
    | (?P<block_comment>/\*.*?\*/)
    | (?P<raw>(?:u8|[uUL])?R"(?P<delimiter>[^\s()\\]{0,16})\(.*?\)(?P=delimiter)")
    | (?P<string>(?:u8|[uUL])?"(?:[^"\\\n]|\\.)*")
    | (?P<char>(?:u8|[uUL])?'(?:[^'\\\n]|\\.)+')
    | (?P<directive>\#(?:[^\n\\]|\\.)*)
    | (?P<number>\.?\d(?:[eEpP][+-]|'?[\w.])*)
    | (?P<word>[A-Za-z_]\w*)
    | (?P<operator>::|->|&&|\|\||\.\.\.|<=>|[-+*/%^&|<>=!]=|\+\+|--|[^\w\s])
    """,
    re.VERBOSE | re.DOTALL,
)

OPENING = {"(": ")", "[": "]", "{": "}"}


@dataclass
class Token:
    text: str
    kind: str
    line: int
    # For a bracket: what stands in it, the line where it ends, and for braces and square brackets what they are:
    # "block", "type" (a class, namespace or enum), "list" (of values), "lambda" (a body), "capture", "index",
    # "attribute".
    inside: list = field(default_factory=list)
    end_line: int = 0
    role: str = ""
    # Of a lambda's body: its capture.
    capture: object = None

    def words(self):
        """Every token at any depth, lambda bodies included."""
        yield self
        for token in self.inside:
            yield from token.words()


def flat_tokens(text):
    """(tokens, comments): comments as (line, text); preprocessor lines are dropped."""
    tokens, comments, position, line = [], [], 0, 1
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            position += 1
            continue
        kind, found = match.lastgroup, match.group()
        if kind == "delimiter":
            kind = "raw"
        if kind in ("line_comment", "block_comment"):
            comments.append((line, found))
        elif kind not in ("space", "directive"):
            tokens.append(Token(found, kind, line))
        line += found.count("\n")
        position = match.end()
    return tokens, comments


def nested(tokens):
    """The tokens with everything in brackets put inside its opening one."""
    root, stack = [], []
    current = root
    for token in tokens:
        if token.kind == "operator" and token.text in OPENING:
            current.append(token)
            stack.append((current, token))
            current = token.inside
        elif token.kind == "operator" and token.text in OPENING.values():
            if stack and OPENING[stack[-1][1].text] == token.text:
                current, opening = stack.pop()
                opening.end_line = token.line
        else:
            current.append(token)
    return root


VALUE_ENDS = {"word", "number", "string", "raw", "char"}
NOT_VALUES = {"return", "co_return", "co_await", "co_yield", "case", "else", "throw", "new", "delete"}
TYPES = {"class", "struct", "union", "enum", "namespace"}


def _is_value(token):
    if token.kind == "word":
        return token.text not in NOT_VALUES
    return token.kind in VALUE_ENDS or token.text in ("(", "[")


def _mark_square(items):
    for at, token in enumerate(items):
        if token.text != "[":
            continue
        before = items[at - 1] if at > 0 else None
        attribute = len(token.inside) == 1 and token.inside[0].text == "["
        if attribute:
            token.role = "attribute"
        elif before is not None and (_is_value(before) or before.text in ("delete", "new")):
            token.role = "index"
        else:
            token.role = "capture"


def _lambda_body(items, at):
    """The index of the body of the lambda whose capture stands at `at`; None when it is none."""
    index = at + 1

    def text():
        return items[index].text if index < len(items) else ""

    if text() == "<":
        while text() not in (">", "", ";"):
            index += 1
        index += 1
    if text() == "(":
        index += 1
    while text() in ("mutable", "noexcept", "constexpr"):
        index += 1
    if text() == "->":
        while text() not in ("{", "", ";"):
            index += 1
    return index if text() == "{" else None


def _statement_start(items, at):
    for index in range(at - 1, -1, -1):
        token = items[index]
        if token.text == ";" or (token.text == "{" and token.role in ("block", "type")):
            return index + 1
        if token.text == ":" and index > 0 and items[index - 1].text in ("public", "private", "protected", "default"):
            return index + 1
    return 0


CONTROL = {"if", "for", "while", "switch", "catch", "constexpr"}
BEFORE_BLOCK = {"else", "do", "try", ":"}
BEFORE_BODY = {"(", "const", "noexcept", "override", "final", "&", "&&"}


def _brace_role(items, at, in_block):
    """What the brace at `at` is, lambda bodies aside."""
    head = _without_template(items[_statement_start(items, at) : at])
    texts = [token.text for token in head]
    if not head:
        return "block" if in_block else "list"
    if TYPES & set(texts) and "(" not in texts and "=" not in texts:
        return "type"
    if texts and texts[0] == "extern" and len(texts) == 2:
        return "type"
    if not in_block:
        return "list"
    before = texts[-1]
    if before in BEFORE_BLOCK or (before == "(" and len(texts) > 1 and texts[-2] in CONTROL):
        return "block"
    if not _declares_function(texts):
        return "list"
    if before in BEFORE_BODY:
        return "block"
    if "->" in texts and texts[texts.index("->") - 1] in BEFORE_BODY:
        return "block"
    # The last initialiser of a constructor may be written with braces: `: a_{1} {`.
    return "block" if before == "{" and head[-1].role == "list" else "list"


def _without_template(head):
    """A declaration without the `template <…>` before it."""
    while head and head[0].text == "template":
        depth, at = 0, 1
        while at < len(head):
            depth += (head[at].text == "<") - (head[at].text == ">")
            at += 1
            if depth == 0:
                break
        head = head[at:]
    return head


def _declares_function(texts):
    """Does this look like the head of a function: a name called in parentheses, outside any assignment?"""
    if "(" not in texts or texts[0] in NOT_VALUES:
        return False
    before = texts[: texts.index("(")]
    return bool(before) and ("=" not in before or "operator" in before)


def _mark(items, in_block):
    _mark_square(items)
    bodies = {}
    for at, token in enumerate(items):
        if token.text == "[" and token.role == "capture":
            body = _lambda_body(items, at)
            if body is not None:
                bodies[body] = token
    for at, token in enumerate(items):
        if token.text == "{":
            if at in bodies:
                token.role = "lambda"
                token.capture = bodies[at]
            else:
                token.role = _brace_role(items, at, in_block)
            _mark(token.inside, token.role in ("block", "type", "lambda"))
        elif token.text in OPENING:
            _mark(token.inside, False)


def parse(text):
    """(items, comments): the nested tokens of a file, with roles."""
    tokens, comments = flat_tokens(text)
    items = nested(tokens)
    _mark(items, True)
    return items, comments


def statements(items):
    """The statements of a block: lists of items. One that owns a block ends with it."""
    current = []
    for token in items:
        if token.text == ";":
            if current:
                yield current
            current = []
            continue
        current.append(token)
        if token.text == "{" and token.role in ("block", "type"):
            yield current
            current = []
    if current:
        yield current


def blocks(items):
    """Every block, class and lambda body at any depth, as lists of items; the outermost first."""
    yield items
    for token in items:
        yield from _blocks_below(token)


def _blocks_below(token):
    if token.text == "{" and token.role in ("block", "type", "lambda"):
        yield from blocks(token.inside)
    else:
        for inner in token.inside:
            yield from _blocks_below(inner)
