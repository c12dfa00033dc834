"""Nothing that was left lying about: notes to oneself, code in comments, debug output, tests that cannot fail."""

import os
import re

from cpp_source import flat_tokens

# Written in pieces, so that this file passes its own check.
NOTES = re.compile(r"\b(?:" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]) + r")\b")
TEXT = (".h", ".cc", ".py", ".md", ".txt", ".cmake", ".json", ".yml")

# A comment that reads as a statement. Prose that ends so has no call, no assignment and no keyword before it.
CODE = re.compile(
    r"^\s*(?:"
    r"(?:[\w:<>*&.\->\[\]]+\s+)?[\w:.\->\[\]]+\s*(?:\([^)]*\)+|=[^=].*);"  # f(x);  a = b;  int a = b;
    r"|(?:if|for|while|switch)\s*\(.*[{;]"
    r"|(?:return|co_return|co_await|break|continue|throw)\b[^.]*;"
    r"|\}.*"
    r"|#\s*(?:include|if|endif|define)\b.*"
    r")\s*$"
)
DEBUG = re.compile(r"\bstd::(?:cerr|cout|clog)\b|(?<![\w.>])(?:std::)?(?:printf|puts|putchar|perror)\s*\(|\bfprintf\s*\(\s*std(?:err|out)")
EMPTY_TEST = re.compile(r"\b(?:CHECK|EXPECT|REQUIRE|DOCTEST_CHECK|DOCTEST_REQUIRE|assert)\s*\(\s*(?:true|1)\s*\)")
SKIPPED = re.compile(r"\bdoctest::(?:skip|may_fail|should_fail|expected_failures)\b")
HOPE = re.compile(r"\bstd::this_thread::sleep_(?:for|until)\b|(?<![\w.>:])(?:usleep|nanosleep)\s*\(|(?<![\w.>:])sleep\s*\(\s*\d+\s*\)")

# The one who prints a failed CHECK, and the sink of the log.
PRINTS = ("base/check.cc", "base/real/", "tools/", "tests/")


def check_comments(text):
    """Code in comments. An example is indented behind the slashes, or stands in a line that says so."""
    previous = ""
    for line, comment in flat_tokens(text)[1]:
        if not comment.startswith("//"):
            continue
        words = comment[2:]
        indented = words.startswith("   ")
        if CODE.match(words) and not indented and not previous.rstrip().endswith(":"):
            yield line, "code in a comment"
        previous = comment


def check(path, text):
    lines = text.split("\n")

    def search(pattern, message):
        for number, line in enumerate(lines, 1):
            if pattern.search(line):
                yield number, message

    yield from search(NOTES, "a note to oneself")
    if not path.endswith((".h", ".cc")):
        return
    yield from check_comments(text)
    if not path.startswith(PRINTS):
        yield from search(DEBUG, "output that does not go through the log")
    if path.startswith("tests/"):
        yield from search(EMPTY_TEST, "a test that cannot fail")
        yield from search(SKIPPED, "a test that is skipped or may fail")
        yield from search(HOPE, "a sleep that hopes; wait for what is to happen")


def run(tree):
    for path in tree.paths:
        if os.path.getsize(tree.absolute(path)) == 0:
            yield f"{path}: empty"
        elif path.endswith(TEXT) or path.startswith(("scripts/", ".ci/")):
            for line, message in check(path, tree.read(path)):
                yield f"{path}:{line}: {message}"
