#!/usr/bin/env python3
"""The tour in the README, each command as it is printed there: it succeeds, and says what the page says it does.

usage: tour_test.py PROGRAMS   (the folder with vortex and vortex-node)
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

README = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "README.md")
HEADING = "## A minute's tour"
# The page's folder and ports may be somebody's: the tour is made elsewhere.
FOLDER = "/tmp/moon"
BASE_PORT = 17750
END_OF_COMMAND = "--- that was status"


def block_below(page, heading):
    """The lines of the first block of code below a heading."""
    below = page[page.index(heading):]
    return below.split("```")[1].strip("\n").split("\n")


def steps_of(lines):
    """Each command with the lines that it is said to print."""
    steps = []
    for line in lines:
        if line.startswith("$ "):
            steps.append((line[2:], []))
        elif line:
            steps[-1][1].append(line)
    return steps


def shape(line):
    """Without what differs from one run to the next: numbers, times, sizes, ids."""
    words = re.sub(r"\b(B|KiB|MiB|GiB|TiB)\b", "UNIT", line).split()
    return " ".join("#" if any(c.isdigit() for c in word) else word for word in words)


def matches(wanted, got):
    """A line that is nothing but … stands for any number of lines."""
    if not wanted:
        return not got
    if wanted[0] == "…":
        return any(matches(wanted[1:], got[i:]) for i in range(len(got) + 1))
    return bool(got) and shape(wanted[0]) == shape(got[0]) and matches(wanted[1:], got[1:])


def walk(steps, programs, folder):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VORTEX_")}
    environment["PATH"] = programs + os.pathsep + environment["PATH"]
    script = ""
    for command, _ in steps:
        command = command.replace(FOLDER, folder)
        if "dev up" in command:
            command += f" --base-port {BASE_PORT}"
        script += f"{command}\necho '{END_OF_COMMAND}' $?\n"
    done = subprocess.run(["bash", "-c", script], env=environment, cwd=folder, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=200, check=False)
    printed = re.split(f"{END_OF_COMMAND} (\\d+)\n", done.stdout.decode(errors="replace"))
    failures = 0
    for i, (command, wanted) in enumerate(steps):
        text, status = printed[2 * i], printed[2 * i + 1]
        got = [line for line in text.replace(folder, FOLDER).split("\n") if line]
        if status != "0" or not matches(wanted, got):
            failures += 1
            print(f"$ {command}\nended with {status} and printed\n{text}where the page says\n" + "\n".join(wanted))
    return failures


def main(programs):
    with open(README, encoding="utf-8") as file:
        steps = steps_of(block_below(file.read(), HEADING))
    folder = tempfile.mkdtemp(prefix="vortex-tour-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    try:
        failures = walk(steps, programs, folder)
    finally:
        subprocess.run([os.path.join(programs, "vortex"), "dev", "down", "--data", folder], check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{len(steps)} commands, {failures} of them not as printed")
    return 1 if failures or not steps else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(os.path.abspath(sys.argv[1])))
