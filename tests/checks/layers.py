"""Which folder may include which, by the table of rooms in README.md, and what only the ground may touch."""

import posixpath
import re

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.MULTILINE)
ROW = re.compile(r"^\| *\[?`(\w+)/`(?:\]\([^)]*\))? *\|([^|]*)\|", re.MULTILINE)

# What makes two runs differ comes through the Env alone. Reading a real clock, the system's randomness, the environment,
# files, sockets or threads is for base/real/ and for tools/.
WORLD = [
    (r"\b(?:system|steady|high_resolution)_clock\b", "a system clock"),
    (r"\b(?:clock_gettime|gettimeofday|std::time|::time)\s*\(", "a system clock"),
    (r"\b(?:std::random_device|getrandom|RAND_bytes|RAND_priv_bytes)\b", "the system's randomness"),
    (r"(?<![\w.>:])s?rand\s*\(", "the system's randomness"),
    (r"\b(?:std::)?(?:getenv|setenv)\s*\(", "the environment"),
    (r"\bstd::(?:thread|jthread|async|this_thread|condition_variable)\b", "threads"),
    (r"\bstd::(?:o|i)?fstream\b|\bstd::filesystem\b|(?<![\w.>:])fopen\s*\(|(?<![\w:])::open(?:at)?\s*\(", "files"),
    (r"\basio::ip\b|\basio/(?:ip|local|ssl|basic_socket)[\w/]*\b|(?<![\w:])::socket\s*\(", "sockets"),
]
WORLD = [(re.compile(pattern), what) for pattern, what in WORLD]


def edges(readme):
    """{room: the set of rooms that it may include}, from the rows `| `room/` | what it stands on | … |`."""
    table = {}
    for room, below in ROW.findall(readme):
        table[room] = set(re.findall(r"`(\w+)/`", below))
    changed = True
    while changed:  # whoever stands on a room stands on what that stands on
        changed = False
        for room, below in table.items():
            whole = below.union(*[table.get(other, set()) for other in below])
            changed = changed or whole != below
            table[room] = whole
    return table


def asio_allowed(path):
    if path.startswith("base/real/") or path == "base/asio.h":
        return True
    return path.startswith("base/") and path.endswith(".cc")


def without_comments(text):
    blank = lambda match: re.sub(r"[^\n]", " ", match.group()) if match.group().startswith("/") else match.group()
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:[^"\\\n]|\\.)*"', blank, text, flags=re.DOTALL)


def check(path, text, table):
    """(line, what is wrong) for one file."""
    room = path.split("/")[0]
    text = without_comments(text)
    line_of = lambda at: text.count("\n", 0, at) + 1
    for match in INCLUDE.finditer(text):
        line, target = line_of(match.start()), match.group(2)
        first = target.split("/")[0]
        if match.group(1) == '"':
            if "/" not in target or ".." in posixpath.normpath(target):
                yield line, f'includes are by path from the root: "{target}"'
            elif first not in table:
                yield line, f'"{target}" is in no room of the table in README.md'
            elif first != room and first not in table.get(room, set()):
                yield line, f'{room}/ does not stand on {first}/: "{target}"'
        elif first.startswith("asio") and not asio_allowed(path):
            yield line, f"Asio comes through base/asio.h alone, not <{target}>"
        elif first in table:
            yield line, f'a header of ours is included with quotes: <{target}>'
    if room in ("tools", "tests") or path.startswith("base/real/"):
        return
    for pattern, what in WORLD:
        for match in pattern.finditer(text):
            yield line_of(match.start()), f"{what} is for base/real/ alone: {match.group()}"


def run(tree):
    table = edges(tree.read("README.md"))
    if "base" not in table:
        yield "README.md: the table of rooms is missing"
        return
    for path in tree.files(".h", ".cc"):
        if path.split("/")[0] == "cmake":
            continue
        for line, message in check(path, tree.read(path), table):
            yield f"{path}:{line}: {message}"
