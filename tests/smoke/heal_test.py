#!/usr/bin/env python3
"""Real nodes heal by themselves: one dies for good, bytes rot, a file of chunks is deleted, and what is deleted gives
its space back.

usage: heal_test.py PROGRAMS   (the folder with vortex and vortex-node)
"""

import glob
import os
import sys
import time

from cluster import Cluster

NODES = 5
BASE_PORT = 17500
FILES = 24
FILE_BYTES = 3 << 20
PATIENCE = 90


def must(true, what):
    if not true:
        raise SystemExit(f"not healed: {what}")


def until(what, holds):
    """Seconds until it holds; fails when that takes too long."""
    began = time.monotonic()
    while True:
        value = holds()
        if value:
            return time.monotonic() - began
        must(time.monotonic() - began < PATIENCE, what)
        time.sleep(0.2)


def counted(cluster, node=1):
    status = cluster.json("status", node=node)
    return status if status["partitions_not_counted"] == 0 else None


def full(cluster):
    status = counted(cluster)
    return status and status["chunks_underreplicated"] == 0 and status["chunks_misplaced"] == 0


def read_everything(cluster, contents, nodes):
    for number, (path, content) in enumerate(contents.items()):
        got = cluster.run("cat", path, node=nodes[number % len(nodes)])
        must(got == content, f"{path} is not what was stored")


def segments(cluster, node):
    return sorted(glob.glob(os.path.join(cluster.data, f"node-{node}", "chunks", "segment-*")))


def flip(path, every):
    """Bytes of the file turn, here and there behind its beginning."""
    with open(path, "r+b") as file:
        size = os.fstat(file.fileno()).st_size
        for at in range(every, size, every):
            file.seek(at)
            byte = file.read(1)
            file.seek(at)
            file.write(bytes((byte[0] ^ 0x10,)))


def main(programs):
    flags = ("--evict-after", "4s", "--reclaim-grace", "2s")
    with Cluster(programs, NODES, BASE_PORT, flags=flags) as cluster:
        contents = {}
        for number in range(FILES):
            path = f"/file-{number}"
            contents[path] = os.urandom(FILE_BYTES + number)
            cluster.run("store", "-", path, node=1 + number % NODES, stdin=contents[path])
        cluster.run("wait", "healthy", "--timeout", str(PATIENCE))
        until("no chunks are counted", lambda: cluster.json("status")["chunks"] >= FILES)

        cluster.run("status", "--reset-peaks")
        cluster.run("dev", "kill", "5", "--data", cluster.data)
        alive = [1, 2, 3, 4]
        # By the peak: who looks seldom may find everything mended already.
        until("the loss of a node is never seen", lambda: cluster.json("status")["chunks_underreplicated_peak"])
        took = until("copies stay missing", lambda: full(cluster))
        print(f"full again {took:.1f} s after the loss was seen")
        must(cluster.json("status")["chunks_underreplicated_peak"] > 0, "the peak was forgotten")
        must(cluster.json("repair", "status")["left"] == 0, "repair has something left")
        kinds = {event["kind"] for event in cluster.json("events")["events"]}
        must({"health", "repair"} <= kinds, f"the events tell nothing of it: {kinds}")
        read_everything(cluster, contents, alive)

        for path in segments(cluster, 2):
            flip(path, 1 << 20)
        cluster.run("scrub", "start", node=1)
        until("damage is not found", lambda: any(node["damaged"] > 0 for node in cluster.json("scrub", "status")["nodes"]))
        until("damaged copies are not replaced", lambda: full(cluster))
        read_everything(cluster, contents, alive)
        must("damage" in {event["kind"] for event in cluster.json("events")["events"]}, "nobody tells of the damage")

        cluster.run("dev", "stop", "3", "--data", cluster.data)
        gone = max(segments(cluster, 3), key=os.path.getsize)
        os.unlink(gone)
        cluster.run("dev", "start", "3", "--data", cluster.data)
        until("a deleted file of chunks is not noticed",
              lambda: {"missing"} <= {event["kind"] for event in cluster.json("events", "--count", "1000")["events"]})
        until("what it held is not copied again", lambda: full(cluster))
        read_everything(cluster, contents, alive)

        cluster.run("dev", "start", "5", "--data", cluster.data)
        cluster.run("wait", "healthy", "--timeout", str(PATIENCE))
        read_everything(cluster, contents, [5])

        for path in contents:
            cluster.run("rm", path)
        until("deleted files keep their space", lambda: cluster.json("status")["bytes_stored"] < 1 << 20)
        must(cluster.json("status")["chunks"] == 0, "deleted chunks are still counted")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(os.path.abspath(sys.argv[1]))
