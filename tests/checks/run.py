#!/usr/bin/env python3
"""run.py CHECK [ROOT]: runs one check over the project; prints what it finds and exits with 1, or 0 when all is well."""

import importlib
import os
import sys

from tree import Tree

CHECKS = ["layers", "coroutines", "formatting", "sizes", "leftovers", "readmes"]


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[1] not in CHECKS:
        sys.exit(f"usage: run.py {'|'.join(CHECKS)} [ROOT]")
    root = sys.argv[2] if len(sys.argv) == 3 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    found = list(importlib.import_module(sys.argv[1]).run(Tree(root)))
    for line in found:
        print(line)
    if found:
        sys.exit(f"{sys.argv[1]}: {len(found)} found")


if __name__ == "__main__":
    main()
