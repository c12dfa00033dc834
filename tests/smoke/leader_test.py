#!/usr/bin/env python3
"""A partition's leader goes while everybody writes to it: by kill -9, and by falling silent with all its connections open.

usage: leader_test.py PROGRAMS [--strict]   (the folder with vortex and vortex-node)

Writers store small files in one directory, whose entries lie in one partition, through nodes that stay. Requests go on within
2 s of the kill and within 5 s of the silence; with --strict that is all the time there is, otherwise a busy machine gets
three times as much. No acknowledged file is missing at the end, or anything but what was stored.
"""

import os
import signal
import sys
import threading
import time

from cluster import Cluster, CommandFailed

NODES = 5
BASE_PORT = 17600
WRITERS = 3
WARM_UP = 2.0
PROBES = 12
KILL_WITHIN, SILENCE_WITHIN = 2.0, 5.0
BUSY_FACTOR = 3.0


class Failure(SystemExit):
    pass


class Writers:
    """Each stores one file after the other, for ever under new names, through nodes that are not to go."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.acknowledged = {}  # name: content
        self.answers = []       # when a store was acknowledged, and when it had begun
        self.failures = []
        self.lock = threading.Lock()
        self.round = 0

    def during(self, spared, action, seconds):
        """Runs `action` in the middle of the load; how long it took from its end to the first store that was acknowledged."""
        self.round += 1
        stop = threading.Event()
        others = [node for node in range(1, NODES + 1) if node != spared]
        threads = [threading.Thread(target=self.write, args=(number, others, stop)) for number in range(WRITERS)]
        for thread in threads:
            thread.start()
        time.sleep(WARM_UP)
        at = action()
        time.sleep(seconds)
        stop.set()
        for thread in threads:
            thread.join()
        # What was begun before may have been decided before.
        after = sorted(end for begin, end in self.answers if end > at and begin >= at - 0.001)
        return after[0] - at if after else None

    def write(self, number, nodes, stop):
        count = 0
        while not stop.is_set():
            name = f"{self.round}-{number}-{count:05}"
            content = f"{name} of {os.getpid()}\n".encode()
            node = nodes[count % len(nodes)]
            count += 1
            begin = time.monotonic()
            try:
                self.cluster.run("store", "-", f"/load/{name}", node=node, stdin=content)
            except CommandFailed as failed:
                with self.lock:
                    self.failures.append(str(failed))
                continue
            with self.lock:
                self.answers.append((begin, time.monotonic()))
                self.acknowledged[name] = content


def leader_of_load(cluster):
    """The number of the node that leads the partition of /load's entries: the one whose log grows."""
    def applied():
        return {part["id"]: part for part in cluster.json("partitions")["partitions"]}

    before = applied()
    for number in range(PROBES):
        cluster.run("store", "-", f"/load/probe-{number}", stdin=b"probe")
    after = applied()
    busiest = max(after, key=lambda part: after[part]["applied"] - before[part]["applied"])
    leader = after[busiest]["leader"]
    address = next(node["address"] for node in cluster.json("nodes")["nodes"] if node["id"] == leader)
    return int(address.rsplit(":", 1)[1]) - BASE_PORT + 1


def pid_of(cluster, index):
    nodes = cluster.json("dev", "status", "--data", cluster.data)["nodes"]
    return next(node["pid"] for node in nodes if node["index"] == index)


def check(took, within, what):
    print(f"{what}: writing went on after " + ("never" if took is None else f"{took:.2f} s"), flush=True)
    if took is None or took > within:
        raise Failure(f"{what}: requests did not go on within {within:.0f} s")


def main(programs, strict):
    factor = 1.0 if strict else BUSY_FACTOR
    with Cluster(programs, NODES, BASE_PORT, transport="plain") as cluster:
        cluster.run("wait", "healthy", "--timeout", "60")
        cluster.run("mkdir", "/load")
        writers = Writers(cluster)

        victim = leader_of_load(cluster)
        pid = pid_of(cluster, victim)

        def kill():
            os.kill(pid, signal.SIGKILL)
            return time.monotonic()

        check(writers.during(victim, kill, KILL_WITHIN * factor + 2), KILL_WITHIN * factor, f"node {victim} killed")
        cluster.run("dev", "start", str(victim), "--data", cluster.data)
        cluster.run("wait", "healthy", "--timeout", "60")

        victim = leader_of_load(cluster)
        pid = pid_of(cluster, victim)

        def silence():
            os.kill(pid, signal.SIGSTOP)
            return time.monotonic()

        try:
            check(writers.during(victim, silence, SILENCE_WITHIN * factor + 1), SILENCE_WITHIN * factor,
                  f"node {victim} silent")
        finally:
            os.kill(pid, signal.SIGCONT)
        cluster.run("wait", "healthy", "--timeout", "60")

        cluster.run("fetch", "-r", "/load", cluster.file("back"))
        for name, content in writers.acknowledged.items():
            path = os.path.join(cluster.file("back"), name)
            if not os.path.exists(path):
                raise Failure(f"/load/{name} was acknowledged and is missing")
            with open(path, "rb") as file:
                if file.read() != content:
                    raise Failure(f"/load/{name} is not what was stored")
        print(f"{len(writers.acknowledged)} acknowledged files are all there; {len(writers.failures)} stores failed")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1], "--strict" in sys.argv[2:])
