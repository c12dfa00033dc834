"""Every folder says what it is, and what README.md tells people to type and to open is there."""

import os
import re

# Folders of one or two files that explain themselves in their first lines.
SELF_EXPLAINING = {"cmake", ".ci"}
WITH_README = ("tests/sim", "tests/checks")
# Where `vortex …` means the program; elsewhere it may be a label on the wire.
SHOWS_COMMANDS = ("README.md", "tools/README.md", "scripts/README.md")

FENCE = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
CODE_SPAN = re.compile(r"`([^`\n]+)`")
SCRIPT = re.compile(r"(?<![\w/.-])((?:scripts|\.ci)/[\w.-]+)")
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
COMMAND = re.compile(r"^\s*(?:\$ )?(?:build/release/bin/)?vortex ((?:[a-z][\w-]*)(?: [a-z][\w-]*)?)", re.MULTILINE)
# By name, or by one of the functions that declare families of commands.
DECLARED = re.compile(r'(?:\.name = |(?:_command|seeing)\(|administration\("[a-z]+", )"([^"]+)"')


def known_commands(tree):
    names = {"help"}
    for path in tree.files(".cc"):
        if path.startswith("tools/"):
            names.update(DECLARED.findall(tree.read(path)))
    return names


def check_text(path, text, exists, commands):
    """What `path` names and is not there."""
    code = "\n".join(FENCE.findall(text)) + "\n" + "\n".join(CODE_SPAN.findall(text))
    for script in sorted(set(SCRIPT.findall(code))):
        if not exists(script):
            yield f"{path}: names {script}, which is not there"
    for target in sorted(set(LINK.findall(text))):
        if not exists(os.path.normpath(os.path.join(os.path.dirname(path), target))):
            yield f"{path}: links to {target}, which is not there"
    for words in sorted(set(COMMAND.findall(code))) if path in SHOWS_COMMANDS else []:
        if words not in commands and words.split()[0] not in commands:
            yield f"{path}: shows 'vortex {words}', which is no command"


def run(tree):
    folders = {path.split("/")[0] for path in tree.paths if "/" in path} - SELF_EXPLAINING
    folders.update(folder for folder in WITH_README if any(path.startswith(folder + "/") for path in tree.paths))
    for folder in sorted(folders):
        if f"{folder}/README.md" not in tree.paths:
            yield f"{folder}/README.md is missing"

    exists = lambda path: os.path.exists(tree.absolute(path))
    commands = known_commands(tree)
    for path in tree.files(".md"):
        yield from check_text(path, tree.read(path), exists, commands)
    for script in SCRIPT.findall(tree.read("README.md")):
        if exists(script) and not script.endswith((".txt", ".md")) and not os.access(tree.absolute(script), os.X_OK):
            yield f"README.md: {script} cannot be executed"
