"""The C++ and a reader written from the description alone agree about a log, also about a damaged one.

test_wal.py WAL_SAMPLE: the program that writes and prints a log."""

import os
import random
import subprocess
import sys
import tempfile

import wal_reader

ROUNDS = 24


def told_by(program, *arguments):
    return subprocess.run([program, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()


def compare(theirs, ours, what):
    if theirs == ours:
        return
    for line in sorted(set(theirs) ^ set(ours)):
        print(("C++:    " if line in theirs else "Python: ") + line)
    sys.exit(f"they do not agree: {what}")


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as scratch:
        directory = os.path.join(scratch, "log")
        theirs = told_by(program, directory)
        log = wal_reader.Log(directory).read()
        assert log.sound and len(log.segments) > 1 and len(log.records) > 20
        compare(theirs, list(log.facts()), "the log as it was written")
        dice = random.Random(7)
        hurt = 0
        for round_number in range(ROUNDS):
            segment, name, *_ = dice.choice(log.segments)
            path = os.path.join(directory, name)
            used = (int(theirs_end(theirs)) if segment == log.segments[-1][0] else os.path.getsize(path))
            at, bit = dice.randrange(used), dice.randrange(8)
            flip(path, at, bit)
            told = told_by(program, directory, "--read")
            read = wal_reader.Log(directory).read()
            facts = [line for line in read.facts() if not line.startswith("record")]
            what = f"round {round_number}: bit {bit} of byte {at} of segment {segment}"
            assert read.sound != any(line.startswith("damage") for line in told), what
            compare([line for line in told if not line.startswith("damage")], facts, what)
            hurt += bool(read.hurt)
            flip(path, at, bit)
        assert hurt > ROUNDS // 4
    print("they agree about", len(log.records), "records and", ROUNDS, "flipped bits, of which", hurt, "hurt somebody")


def theirs_end(lines):
    return next(line for line in lines if line.startswith("end ")).split()[1].split(":")[1]


def flip(path, at, bit):
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1 << bit]))


main()
