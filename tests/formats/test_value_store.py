"""The C++ and a reader written from the description alone agree about value stores, also about damaged ones.

test_value_store.py VALUE_STORE_SAMPLE: the program that writes and prints a store."""

import os
import random
import subprocess
import sys
import tempfile

READER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "value_store_reader.py")
STORES = 4
FLIPS = 10


def told_by(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()


def split(lines):
    """The values, and the words of what is said beside them."""
    values = [line for line in lines if len(line.split()[0]) == 64]
    return values, {line.split()[0]: line.split() for line in lines if line not in values}


def compare(theirs, ours, what):
    if theirs == ours:
        return
    for line in sorted(set(theirs) ^ set(ours)):
        print(("C++:    " if line in theirs else "Python: ") + line)
    sys.exit(f"they do not agree: {what}")


def flip(path, at, bit):
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1 << bit]))


def main():
    program = sys.argv[1]
    seen = hurt = 0
    dice = random.Random(5)
    for seed in range(1, STORES + 1):
        with tempfile.TemporaryDirectory() as scratch:
            directory = os.path.join(scratch, "values")
            theirs, said = split(told_by(program, directory, str(seed)))
            ours, told = split(told_by(sys.executable, "-B", READER, directory))
            compare(theirs, ours, f"store {seed}")
            assert said["epoch"] == told["epoch"][:2] and told["epoch"][3] == "0", told
            # The index names every value and nothing else, in the right places.
            assert told["index"][3] == told["index"][5] == str(len(ours)), told
            assert len(ours) > 20
            seen += len(ours)
            segments = sorted(name for name in os.listdir(directory) if name.startswith("segment-"))
            for _ in range(FLIPS):
                path = os.path.join(directory, dice.choice(segments))
                at, bit = dice.randrange(64, os.path.getsize(path)), dice.randrange(8)
                flip(path, at, bit)
                inspected, found = split(told_by(program, directory))
                read, told = split(told_by(sys.executable, "-B", READER, directory))
                # What a header with one wrong bit stood for the C++ knows; neither reads anything that is not sound.
                assert {line.rsplit(" ", 1)[0] for line in read} <= set(inspected), (path, at, bit)
                assert (told["epoch"][3] != "0") == (found["findings"][1] != "0"), (path, at, bit)
                hurt += told["epoch"][3] != "0"
                flip(path, at, bit)
    assert hurt > STORES * FLIPS // 2
    print("they agree about", seen, "values and", STORES * FLIPS, "flipped bits, of which", hurt, "hurt something")


main()
