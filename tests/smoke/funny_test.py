#!/usr/bin/env python3
"""The smoke test: five real nodes, a picture, a whale and a swarm. It jokes, but it checks every byte.

usage: funny_test.py PROGRAMS   (the folder with vortex and vortex-node)
"""

import hashlib
import os
import sys
import time

from cluster import Cluster
from picture import moon

NODES = 5
BASE_PORT = 17400
WHALE_BYTES = 48 << 20
FISH = 120


def say(text):
    print(f"[{time.monotonic() - BEGAN:5.1f} s] {text}", flush=True)


def write(path, content):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def must(true, what):
    if not true:
        raise SystemExit(f"NOT FUNNY: {what}")


def same(cluster, path, content, node):
    got = cluster.run("cat", path, node=node)
    must(got == content, f"{path} read through node {node} is not what was stored: {len(got)} of {len(content)} bytes, "
         f"sha256 {hashlib.sha256(got).hexdigest()[:16]}")


def main(programs):
    with Cluster(programs, NODES, BASE_PORT) as cluster:
        say(f"{NODES} nodes hold hands. Nobody is in charge; meetings are short.")

        picture = moon()
        write(cluster.file("moon.png"), picture)
        whale = os.urandom(WHALE_BYTES)
        write(cluster.file("whale.bin"), whale)
        swarm = {f"fish-{i:03}.txt": f"fish number {i}: glub{' glub' * (i % 50)}\n".encode() * (1 + i % 7)
                 for i in range(FISH)}
        for name, content in swarm.items():
            write(cluster.file(f"swarm/{name}"), content)

        cluster.run("mkdir", "/sea")
        cluster.run("store", cluster.file("moon.png"), "/sea/moon.png", node=1)
        say(f"Node 1 hung up the moon ({len(picture)} bytes of PNG, home-made).")
        cluster.run("store", cluster.file("whale.bin"), "/sea/whale.bin", node=2)
        say(f"Node 2 swallowed a whale of {WHALE_BYTES >> 20} MiB. It sends its regards to Jonah.")
        cluster.run("store", "-r", cluster.file("swarm"), "/sea/swarm", node=3)
        say(f"Node 3 counted {FISH} fish, one by one, and did not fall asleep.")

        for node in range(1, NODES + 1):
            if node != 1:
                same(cluster, "/sea/moon.png", picture, node)
            if node != 2:
                same(cluster, "/sea/whale.bin", whale, node)
            if node != 3:
                back = cluster.file(f"back-{node}")
                cluster.run("fetch", "-r", "/sea/swarm", back, node=node)
                found = {name: read(os.path.join(back, name)) for name in sorted(os.listdir(back))}
                must(found == swarm, f"the swarm read through node {node} has other fish in it")
        say("Every byte came out of every other node, in the right order, combed.")

        victim = 4
        reading = cluster.start("cat", "/sea/whale.bin", node=5)
        cluster.run("dev", "kill", str(victim), "--data", cluster.data)
        got, errors = reading.communicate()
        must(reading.returncode == 0, f"a read failed while node {victim} died: {errors.decode(errors='replace')}")
        must(got == whale, f"a read gave wrong bytes while node {victim} died")
        say(f"Node {victim} slipped on a banana peel in the middle of a read. The reader noticed nothing.")

        eulogy = b"He was a good node. He never lost a byte.\n"
        cluster.run("store", "-", "/sea/eulogy.txt", node=1, stdin=eulogy)
        for node in (1, 2, 3, 5):
            same(cluster, "/sea/eulogy.txt", eulogy, node)
        same(cluster, "/sea/moon.png", picture, 3)
        say("A eulogy was stored without him, and read everywhere.")

        cluster.run("dev", "start", str(victim), "--data", cluster.data)
        cluster.run("wait", "healthy", "--timeout", "30")
        same(cluster, "/sea/eulogy.txt", eulogy, victim)
        same(cluster, "/sea/whale.bin", whale, victim)
        say(f"Node {victim} is back, read his own eulogy, and found it too short.")
    say("All bytes present. The sea is calm.")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    BEGAN = time.monotonic()
    main(os.path.abspath(sys.argv[1]))
