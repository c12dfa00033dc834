"""What g++ 12 miscompiles in coroutines, and coroutines that outlive what they use.

A full expression with co_await holds no braces, no capturing lambda and no ?:. No co_await in a catch block. No
capturing lambda is a coroutine. No coroutine has a default argument in braces.
"""

from cpp_source import blocks, parse, statements

SUSPENDS = {"co_await", "co_return", "co_yield"}


def expressions(items):
    """A statement as the expressions that are evaluated one after the other: `for (a; b; c)` has three."""
    header = []
    for token in items:
        if token.text == "(" and any(inner.text == ";" for inner in token.inside):
            part = []
            for inner in token.inside:
                if inner.text == ";":
                    yield part
                    part = []
                else:
                    part.append(inner)
            yield part
        elif not (token.text == "{" and token.role in ("block", "type")):
            header.append(token)
    yield header


def within(items):
    """All tokens of an expression, but not those of lambda bodies in it: they run at another time."""
    for token in items:
        yield token
        if not (token.text == "{" and token.role == "lambda"):
            yield from within(token.inside)


def is_coroutine(body):
    return any(token.text in SUSPENDS for token in own(body))


def own(items):
    """All tokens of a function's body, but not those of lambdas in it."""
    for token in items:
        yield token
        if not (token.text == "{" and token.role in ("lambda", "type")):
            yield from own(token.inside)


def check_expression(expression):
    tokens = list(within(expression))
    awaits = [token for token in tokens if token.text == "co_await"]
    if not awaits:
        return
    line = awaits[0].line
    for token in tokens:
        if token.text == "?":
            yield line, "?: in a statement with co_await; choose first, into a named value"
        elif token.text == "{" and token.role == "lambda":
            if token.capture.inside:
                yield line, "a capturing lambda in a statement with co_await; name it first, then move it in"
        elif token.text == "{":
            yield line, "braces in a statement with co_await; name the value first, then move it in"


def check_declaration(statement):
    """Task<T> f(Options o = {}): the default argument is built inside the caller's co_await."""
    for at, token in enumerate(statement):
        if token.text != "(" or at == 0 or statement[at - 1].kind != "word":
            continue
        if "Task" not in [it.text for it in statement[:at]]:
            return
        for before, inner in zip(token.inside, token.inside[1:]):
            if inner.text == "{" and (before.text == "=" or before.kind == "word"):
                yield inner.line, "a coroutine's default argument in braces; write an overload instead"
        return


def check(text):
    """(line, what is wrong) for one file's text."""
    return sorted(set(findings(text)))


def findings(text):
    items, _ = parse(text)
    for block in blocks(items):
        for statement in statements(block):
            for expression in expressions(statement):
                yield from check_expression(expression)
            yield from check_declaration(statement)
        for at, token in enumerate(block):
            if token.text == "catch":
                bodies = [it for it in block[at + 1 : at + 3] if it.text == "{"]
                for body in bodies:
                    for inner in own(body.inside):
                        if inner.text == "co_await":
                            yield inner.line, "co_await in a catch block; leave it first"
    for token in every(items):
        if token.text == "{" and token.role == "lambda" and token.capture.inside and is_coroutine(token.inside):
            yield token.capture.line, "a capturing lambda is a coroutine: the captures die before it; pass parameters"


def every(items):
    for token in items:
        yield from token.words()


def run(tree):
    for path in tree.files(".cc", ".h"):
        for line, message in check(tree.read(path)):
            yield f"{path}:{line}: {message}"
