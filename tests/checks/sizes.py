"""Files and functions stay small enough to read: .cc up to 600 lines, headers up to 250, functions up to 70."""

from cpp_source import blocks, parse, statements

FILE_LINES_MAX = {".cc": 600, ".h": 250, ".py": 600, "": 200}
FUNCTION_LINES_MAX = 70
BYTES_MAX = 400_000

# What may be larger, and why.
ALLOWED = {"node/api/vortex.h": "the one header that programs include: all that they can use is in it"}


def functions(text):
    """(line, name, lines) of every function with a body; lambdas count to the function that they stand in."""
    items, _ = parse(text)
    for block in blocks(items):
        for statement in statements(block):
            if len(statement) < 2:
                continue
            body = statement[-1]
            if body.text != "{" or body.role != "block":
                continue
            calls = [at for at, token in enumerate(statement) if token.text == "(" and at > 0]
            if not calls or statement[calls[0] - 1].text in ("if", "for", "while", "switch", "catch", "constexpr"):
                continue
            name = statement[calls[0] - 1]
            if name.text == "TEST_CASE" and statement[calls[0]].inside:
                name = statement[calls[0]].inside[0]
            yield statement[0].line, name.text, body.end_line - statement[0].line + 1


def check(path, text):
    lines = text.count("\n")
    ending = path[path.rfind(".") :] if "." in path.split("/")[-1] else ""
    if lines > FILE_LINES_MAX.get(ending, lines):
        yield f"{path}: {lines} lines; a {ending or 'script'} has {FILE_LINES_MAX[ending]} at most"
    if ending in (".cc", ".h"):
        for line, name, length in functions(text):
            if length > FUNCTION_LINES_MAX:
                yield f"{path}:{line}: {name} has {length} lines; a function has {FUNCTION_LINES_MAX} at most"


def run(tree):
    import os

    for path in tree.paths:
        size = os.path.getsize(tree.absolute(path))
        if size > BYTES_MAX:
            yield f"{path}: {size} bytes; a file has {BYTES_MAX} at most"
        elif path not in ALLOWED and (path.endswith((".cc", ".h", ".py")) or path.startswith("scripts/")):
            yield from check(path, tree.read(path))
    for path in ALLOWED:
        if path not in tree.paths:
            yield f"{path}: is allowed to be large, but is not there"
