#!/usr/bin/env python3
"""A cluster of real processes under clients: a node is killed and returns, a sixth joins, one is drained and leaves.

usage: grow_test.py PROGRAMS [--strict]   (the folder with vortex and vortex-node)

Eight clients store and fetch all the while, and compare every byte. Killing a node costs no operation more than 5 s (with
--strict; otherwise a busy machine gets three times as much); joining and draining cost not one error. The newcomer gets no
more than 1.1 times its share, and no chunk lacks a copy while a node is drained.
"""

import os
import random
import sys
import threading
import time

from cluster import Cluster, CommandFailed

NODES = 5
BASE_PORT = 17700
CLIENTS = 8
FILES = 160
FILE_BYTES = 768 << 10
COPIES = 3
SLOWEST = 5.0
BUSY_FACTOR = 3.0
SHARE = 1.1
PATIENCE = 120
# Of chunks so few, luck moves a few more or less than the share.
LUCK = 0.25


def must(true, what):
    if not true:
        raise SystemExit(f"not grown: {what}")


class Clients:
    """Each stores a file or fetches one and compares it, in turns, through any of these nodes."""

    def __init__(self, cluster, contents):
        self.cluster, self.contents = cluster, contents
        self.nodes = list(range(1, NODES + 1))
        self.lock = threading.Lock()
        self.stop = threading.Event()
        self.slowest, self.done, self.wrong, self.failures = 0.0, 0, [], []

    def __enter__(self):
        self.threads = [threading.Thread(target=self.work, args=(number,)) for number in range(CLIENTS)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def work(self, number):
        chance = random.Random(number)
        count = 0
        while not self.stop.is_set():
            count += 1
            with self.lock:
                path = chance.choice(sorted(self.contents))
                node = chance.choice(self.nodes)
            begin = time.monotonic()
            try:
                if count % 4 == 0:
                    path, content = f"/by-{number}-{count}", os.urandom(chance.choice((2000, 100_000)))
                    self.cluster.run("store", "-", path, node=node, stdin=content)
                    with self.lock:
                        self.contents[path] = content
                elif self.cluster.run("cat", path, node=node) != self.contents[path]:
                    self.wrong.append(path)
            except CommandFailed as failed:
                with self.lock:
                    self.failures.append(f"after {time.monotonic() - begin:.1f} s: {failed}")
            with self.lock:
                self.done += 1
                self.slowest = max(self.slowest, time.monotonic() - begin)

    def report(self, what):
        """What happened since the last report."""
        with self.lock:
            slowest, done, failures = self.slowest, self.done, self.failures
            self.slowest, self.done, self.failures = 0.0, 0, []
        must(not self.wrong, f"wrong bytes: {self.wrong}")
        print(f"{what}: {done} operations, {len(failures)} failed, the slowest took {slowest:.1f} s", flush=True)
        for failure in failures[:5]:
            print("  " + failure, flush=True)
        return slowest, failures


def until(what, holds):
    began = time.monotonic()
    while not holds():
        must(time.monotonic() - began < PATIENCE, what)
        time.sleep(0.3)
    return time.monotonic() - began


def in_order(cluster):
    status = cluster.json("status", node=1)
    return status["partitions_not_counted"] == 0 and status["chunks_underreplicated"] == 0 and status["chunks_misplaced"] == 0


def moved(cluster):
    events = cluster.json("events", "--count", "1000")["events"]
    return sum(int(event["text"].split(", ")[1].split()[0]) for event in events if event["kind"] in ("rebalance", "repair"))


def killed_and_back(cluster, clients, slowest):
    clients.nodes = [1, 2, 3, 4]
    # Whoever talks through it has come to an end.
    time.sleep(1.5)
    clients.report("before")
    cluster.run("dev", "kill", "5", "--data", cluster.data)
    time.sleep(8)
    took, failures = clients.report("a node was killed")
    must(took <= slowest, f"an operation took {took:.1f} s")
    must(not failures, "operations failed though every file has two more copies")
    cluster.run("dev", "start", "5", "--data", cluster.data)
    must(until("a node that returned is not in order", lambda: in_order(cluster)) < PATIENCE, "")
    clients.nodes = list(range(1, NODES + 1))
    clients.report("it returned")


def joins(cluster, clients):
    before = moved(cluster)
    cluster.run("dev", "add", "--data", cluster.data)
    time.sleep(3)
    took = until("a sixth node does not get its share", lambda: in_order(cluster))
    time.sleep(2)
    ideal = COPIES * cluster.json("status")["bytes_logical"] / (NODES + 1)
    share = (moved(cluster) - before) / ideal
    _, failures = clients.report(f"a sixth node joined: in order after {took:.1f} s, {share:.2f} of the ideal share moved")
    must(not failures, "a join cost errors")
    must(0 < share <= SHARE + LUCK, "more was moved than its share")


def leaves(cluster, clients):
    ids = {node["address"]: node["id"] for node in cluster.json("nodes")["nodes"]}
    leaving = ids[cluster.address(2)]
    clients.nodes = [1, 3, 4, 5]
    time.sleep(1.5)
    cluster.run("status", "--reset-peaks")
    cluster.run("drain", leaving)
    time.sleep(1)
    took = until("a drained node is not empty", lambda: in_order(cluster))
    status = cluster.json("status")
    must(status["chunks_underreplicated_peak"] == 0, f"while it was drained {status['chunks_underreplicated_peak']} chunks lacked copies")
    cluster.run("evict", leaving)
    cluster.run("dev", "kill", "2", "--data", cluster.data)
    time.sleep(3)
    until("the others are not in order without it", lambda: in_order(cluster))
    must(cluster.json("status")["chunks_underreplicated_peak"] == 0, "when it had gone chunks lacked copies")
    _, failures = clients.report(f"a node was drained in {took:.1f} s, and left; peak 0")
    must(not failures, "a drain cost errors")


def main(programs, strict):
    with Cluster(programs, NODES, BASE_PORT, transport="plain") as cluster:
        contents = {}
        for number in range(FILES):
            contents[f"/file-{number}"] = os.urandom(FILE_BYTES + number)
        folder = cluster.file("all")
        os.makedirs(folder)
        for path, content in contents.items():
            with open(folder + path, "wb") as file:
                file.write(content)
        cluster.run("store", "-r", folder, "/all")
        contents = {"/all" + path: content for path, content in contents.items()}
        until("it is not in order", lambda: in_order(cluster))
        with Clients(cluster, contents) as clients:
            time.sleep(3)
            killed_and_back(cluster, clients, SLOWEST * (1 if strict else BUSY_FACTOR))
            joins(cluster, clients)
            leaves(cluster, clients)
        for path, content in clients.contents.items():
            must(cluster.run("cat", path, node=3) == content, f"{path} is not what was stored")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or (len(sys.argv) == 3 and sys.argv[2] != "--strict"):
        sys.exit(__doc__)
    main(os.path.abspath(sys.argv[1]), len(sys.argv) == 3)
