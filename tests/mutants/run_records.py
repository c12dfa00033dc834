#!/usr/bin/env python3
"""run_records.py BUILD [NAME…]: plants the bugs of records/, one at a time, into a simulator of its own beside BUILD's, and tells
which seed of which scenario finds each, and how soon. Exits with 1 when one is not found. BUILD has vortex-sim, built by ninja."""

import os
import re
import shlex
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
# Cheap seeds first: of each scenario so many a round.
SCENARIOS = [("records-local", 40), ("records", 4)]
ROUNDS = int(os.environ.get("VORTEX_MUTANT_ROUNDS", "50"))


def commands_of(build):
    """How BUILD compiles each source, and how it links the simulator."""
    lines = subprocess.run(["ninja", "-C", build, "-t", "commands", "vortex-sim"], capture_output=True, text=True, check=True).stdout
    compiles, link = {}, None
    for line in lines.splitlines():
        source = re.search(r" -c (\S+)", line)
        if source:
            compiles[os.path.relpath(os.path.join(build, source.group(1)), ROOT)] = line
        elif re.search(r" -o bin/vortex-sim\b", line):
            link = line
    return compiles, link


def words(command):
    """Without the launcher and what else is around the compiler's own words."""
    found = shlex.split(command.split("&&")[1] if command.startswith(": &&") else command)
    compiler = next(i for i, word in enumerate(found) if re.search(r"(g\+\+|c\+\+|clang\S*)$", word))
    return found[compiler:]


def build_mutant(build, patch, scratch):
    with open(patch, encoding="utf-8") as text:
        path = re.search(r"^\+\+\+ b/(.*)$", text.read(), re.M).group(1)
    compiles, link = commands_of(build)
    source = os.path.join(scratch, os.path.basename(path))
    subprocess.run(["cp", os.path.join(ROOT, path), source], check=True)
    subprocess.run(["patch", "-s", source, patch], check=True)
    target, program = source + ".o", os.path.join(scratch, "vortex-sim")
    compile_words = words(compiles[path])
    for flag, value in (("-o", target), ("-c", source), ("-MF", target + ".d"), ("-MT", target)):
        if flag in compile_words:
            compile_words[compile_words.index(flag) + 1] = value
    subprocess.run(compile_words, cwd=build, check=True)
    link_words = words(link)
    out = link_words.index("-o")
    link_words[out + 1] = program
    # Before the libraries: its archive's own member is then not wanted any more.
    link_words.insert(out + 2, target)
    subprocess.run(link_words, cwd=build, check=True)
    return program


def hunt(program):
    began = time.monotonic()
    for number in range(ROUNDS):
        for scenario, step in SCENARIOS:
            first = 1 + number * step
            ended = subprocess.run([program, "--scenario", scenario, "--seeds", f"{first}..{first + step - 1}"],
                                   capture_output=True, text=True, check=False)
            if ended.returncode == 0:
                continue
            seen = re.findall(r"seed (\d+): (.*)", ended.stdout + ended.stderr)
            seed, text = min((int(number), text[:140]) for number, text in seen) if seen else ("?", "failed")
            return seed, scenario, time.monotonic() - began, text
    return None


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    build, wanted = os.path.abspath(sys.argv[1]), sys.argv[2:]
    folder = os.path.join(HERE, "records")
    missed = 0
    for name in wanted or [file[:-6] for file in sorted(os.listdir(folder)) if file.endswith(".patch")]:
        with tempfile.TemporaryDirectory() as scratch:
            found = hunt(build_mutant(build, os.path.join(folder, name + ".patch"), scratch))
        if found is None:
            missed += 1
            print(f"{name}: NOT FOUND in {ROUNDS} rounds", flush=True)
        else:
            print(f"{name}: seed {found[0]} of {found[1]} after {found[2]:.1f} s: {found[3]}", flush=True)
    if missed:
        sys.exit(f"{missed} planted bugs were not found")


if __name__ == "__main__":
    main()
