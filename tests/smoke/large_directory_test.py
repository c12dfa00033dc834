#!/usr/bin/env python3
"""A large directory, listed completely while ten clients change it: every entry that is there throughout is seen exactly once.

usage: large_directory_test.py PROGRAMS [ENTRIES]   (the folder with vortex and vortex-node; 20000 unless told otherwise)
"""

import os
import sys
import threading
import time

from cluster import Cluster

BASE_PORT = 17650
CLIENTS = 10


def make_local(folder, entries):
    os.mkdir(folder)
    for i in range(entries):
        os.close(os.open(f"{folder}/stays-{i * 2654435761 % 4294967296}", os.O_CREAT | os.O_WRONLY))


class Changer(threading.Thread):
    """Makes and removes names of its own until it is told to end."""

    def __init__(self, cluster, number):
        super().__init__()
        self.cluster, self.number = cluster, number
        self.changes = 0
        self.over = False
        self.failure = None

    def run(self):
        try:
            while not self.over:
                name = f"/d/comes-{self.number}-{self.changes % 40}"
                self.cluster.run("store", "-", name, node=1 + self.number % 3, stdin=b"x")
                if self.changes % 3:
                    self.cluster.run("rm", name, node=1 + (self.number + 1) % 3)
                self.changes += 1
        except Exception as failure:  # told by whoever joins
            self.failure = failure


def main(programs, entries):
    with Cluster(programs, 3, BASE_PORT, transport="plain", flags=("--partitions", "16")) as cluster:
        make_local(cluster.file("d"), entries)
        begun = time.monotonic()
        cluster.run("store", "-r", cluster.file("d"), "/d")
        stored = time.monotonic()
        changers = [Changer(cluster, number) for number in range(CLIENTS)]
        for changer in changers:
            changer.start()
        time.sleep(1)
        before = sum(changer.changes for changer in changers)
        names = cluster.run("ls", "/d", node=2).decode().split("\n")[:-1]
        listed = time.monotonic()
        changes = sum(changer.changes for changer in changers) - before
        for changer in changers:
            changer.over = True
        for changer in changers:
            changer.join()
        stay = [name for name in names if name.startswith("stays-")]
        print(f"{entries} entries stored in {stored - begun:.1f} s, listed in {listed - stored - 1:.1f} s during {changes} changes")
        failures = [str(changer.failure) for changer in changers if changer.failure]
        if len(stay) != entries or len(set(stay)) != entries:
            failures.append(f"{len(stay)} names, {len(set(stay))} of them different")
        if len(set(names)) != len(names) or names != sorted(names):
            failures.append("names twice or out of order")
        if sum(changer.changes for changer in changers) < CLIENTS:
            failures.append("nothing was changed meanwhile")
        for failure in failures:
            print(failure)
        return 1 if failures else 0


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    sys.exit(main(os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) == 3 else 20_000))
