#!/usr/bin/env python3
"""Coming and going with real processes: tokens that are used up, run out or are revoked, the creator dies for good, the topology
changes, a node is evicted and returns with its old identity, one comes back with an empty disk, one at another address, every
address changes at once, two clusters never mix, and nobody is evicted whose vote is needed.

usage: membership_test.py PROGRAMS   (the folder with vortex and vortex-node)
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BASE_PORT = 17520
WITHIN = 60.0
PARTITIONS = 16
PATIENCE = 15
BUSY = 8
PRECONDITION = 4
REFUSED = 6


class Failure(Exception):
    pass


class Node:
    """One vortex-node, with its data and the port that it listens on."""

    def __init__(self, programs, base, name, port):
        self.program = os.path.join(programs, "vortex-node")
        self.name, self.port = name, port
        self.data = os.path.join(base, name)
        self.log = os.path.join(base, name + ".log")
        self.process = None
        self.id = None

    def address(self):
        return f"127.0.0.1:{self.port}"

    def spawn(self, *flags):
        words = [self.program, "--data", self.data, "--listen", self.address(), *flags]
        with open(self.log, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=log, text=True)

    def start(self, *flags):
        self.spawn(*flags)
        line = self.process.stdout.readline()
        if not line.startswith("ready id="):
            raise Failure(f"{self.name} does not start: {self.last_words()}")
        self.id = line.split("id=", 1)[1].split()[0]

    def ends(self, within=WITHIN):
        """Its exit status, when it ends by itself."""
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired as late:
            raise Failure(f"{self.name} goes on") from late

    def end(self, how=signal.SIGKILL):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(30)

    def last_words(self, lines=12):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return "\n".join(log.read().splitlines()[-lines:])


class Test:
    def __init__(self, programs, base):
        self.programs, self.base = programs, base
        self.nodes = []
        self.key = None

    def node(self, name):
        node = Node(self.programs, self.base, name, BASE_PORT + len(self.nodes))
        self.nodes.append(node)
        return node

    def run_vortex(self, at, *words):
        command = [os.path.join(self.programs, "vortex"), "--connect", at.address(), "--key", self.key, "--json", "--timeout",
                   str(PATIENCE), *words]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("VORTEX_")}
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=90)

    def vortex(self, at, *words, check=True):
        begun = time.monotonic()
        done = self.run_vortex(at, *words)
        # Whoever is told "try again" does so.
        while check and done.returncode == BUSY and time.monotonic() - begun < WITHIN:
            done = self.run_vortex(at, *words)
        if check and done.returncode != 0:
            raise Failure(f"vortex {' '.join(words)}: {done.returncode}: {done.stdout.strip()} {done.stderr.strip()}")
        return json.loads(done.stdout) if done.returncode == 0 and done.stdout else None

    def seen_by(self, at):
        told = self.vortex(at, "nodes", check=False)
        return {node["id"]: node for node in told["nodes"]} if told else {}

    def wait(self, condition, what):
        begun = time.monotonic()
        while not condition():
            if time.monotonic() - begun > WITHIN:
                raise Failure(f"not within {WITHIN:.0f} s: {what}")
            time.sleep(0.3)

    def wait_for_members(self, alive, asked=None):
        """Each of them sees just these alive."""
        ids = {node.id for node in alive}

        def agreed():
            for at in asked or alive:
                if {one for one, node in self.seen_by(at).items() if node["health"] == "alive"} != ids:
                    return False
            return True

        self.wait(agreed, f"{', '.join(node.name for node in alive)} see each other and nobody else")

    def wait_complete(self, at, voters):
        """Every partition has so many voters, so that nobody is needed in particular."""

        incomplete = []

        def complete():
            told = (self.vortex(at, "partitions", check=False) or {}).get("partitions", [])
            incomplete[:] = [p for p in told if sum(m["voter"] for m in p["members"]) < voters]
            return len(told) == PARTITIONS and not incomplete

        try:
            self.wait(complete, f"every partition has {voters} voters")
        except Failure:
            print("not complete:", incomplete)
            raise

    def run(self):
        a, b, c, d = (self.node(name) for name in "abcd")
        a.start("--create", "--partitions", str(PARTITIONS))
        self.key = os.path.join(a.data, "root.key")
        for node in (b, c, d):
            node.start("--join", os.path.join(a.data, "join.token"))
        self.wait_for_members([a, b, c, d])
        self.wait_complete(b, 3)
        print("four nodes are a cluster")
        self.tokens_end(b)
        e = self.creator_dies(a, b, c, d)
        self.evicted_returns(a, b, [b, c, d, e])
        self.disk_is_lost(c, b, [b, c, d, e])
        self.one_moves(d, [b, c, d, e])
        self.everybody_moves([b, c, d, e])
        self.clusters_do_not_mix([b, c, d, e])
        self.needed_stays()

    def tokens_end(self, at):
        """What opens nothing any more: the node that comes with it is told so and ends."""
        short = self.vortex(at, "token", "create", "--expires", "1s")
        made = time.monotonic()
        revoked = self.vortex(at, "token", "create", "--uses", "5")
        self.vortex(at, "token", "revoke", revoked["id"])
        once = self.vortex(at, "token", "create")
        guest = self.node("guest")
        guest.start("--join", once["token"])
        left = [it["uses_left"] for it in self.vortex(at, "token", "list")["tokens"] if it["id"] == once["id"]]
        if left not in ([0], []):
            raise Failure(f"a token for one has {left} uses left after one")
        time.sleep(max(0.0, made + 1.5 - time.monotonic()))
        for why, token in (("run out", short), ("revoked", revoked), ("used up", once)):
            late = self.node("late-" + why.split()[0])
            late.spawn("--join", token["token"])
            status = late.ends(30)
            if status != REFUSED:
                raise Failure(f"with a token that is {why} a node ended with {status}: {late.last_words()}")
        # It must hand on its votes, or whoever dies next takes the rest of a group with it.
        self.vortex(at, "drain", guest.id)
        self.wait(lambda: self.votes(at, guest) == 0, "a drained node hands on its votes")
        self.wait_complete(at, 3)
        guest.end(signal.SIGTERM)
        self.vortex(at, "evict", guest.id)
        print("tokens run out, are used up and are revoked")

    def creator_dies(self, a, b, c, d):
        a.end()
        token = self.vortex(b, "token", "create")["token"]
        e = self.node("e")
        e.start("--join", token)
        self.wait_for_members([b, c, d, e])
        self.vortex(d, "topology", "ring", "--heartbeat", "200ms")
        self.wait(lambda: all(self.vortex(n, "topology")["heartbeat_ms"] == 200 for n in (b, c, d, e)), "the settings reach all")
        self.vortex(e, "drain", c.id)
        self.wait(lambda: self.seen_by(b)[c.id]["standing"] == "draining", "c is drained")
        print("without the creator a node joined, another is drained, and the settings have changed")
        return e

    def evicted_returns(self, a, b, members):
        self.vortex(b, "evict", a.id)
        self.wait(lambda: all(a.id not in self.seen_by(node) for node in members), "the creator is out")
        a.spawn()
        status = a.ends()
        if status == 0 or "evicted" not in a.last_words():
            raise Failure(f"an evicted node ended with {status}: {a.last_words()}")
        a.spawn()
        status = a.ends(20)
        if status != 6 or "evicted" not in a.last_words():
            raise Failure(f"an evicted node that knows it ended with {status}: {a.last_words()}")
        self.wait_for_members(members)
        print("who was evicted does not come back with its old identity")

    def disk_is_lost(self, node, other, members):
        before = node.id
        # It is drained. The creator's votes and its own must be others' before its disk goes, or groups lose two of three.
        self.wait(lambda: self.votes(other, node) == 0, "a drained node hands on its votes")
        self.wait_complete(other, 3)
        node.end()
        shutil.rmtree(node.data)
        node.start("--join", self.vortex(other, "token", "create")["token"])
        if node.id == before:
            raise Failure("an empty disk gave the same identity")
        self.wait_for_members(members)
        self.wait(lambda: all(before not in self.seen_by(one) for one in members), "the old identity is out")
        print("a node with an empty disk came back as a new one, in the place of the old one")

    def one_moves(self, node, members):
        node.end(signal.SIGTERM)
        node.port += 50
        node.start()
        self.wait_for_members(members)
        self.wait(lambda: all(self.seen_by(one)[node.id]["address"] == node.address() for one in members),
                  "the new address is known everywhere")
        print("a node came back at another address")

    def everybody_moves(self, members):
        self.wait_complete(members[0], 3)
        for node in members:
            node.end(signal.SIGTERM)
            node.port += 100
        # The first is told of nobody: the others come to it.
        members[0].start()
        for node in members[1:]:
            node.start("--contact", members[0].address())
        self.wait_for_members(members)
        addresses = {one: node["address"] for one, node in self.seen_by(members[0]).items()}
        if addresses != {node.id: node.address() for node in members}:
            raise Failure(f"old addresses are still believed: {addresses}")
        print("every address changed at once, and all found each other through one")

    def clusters_do_not_mix(self, members):
        other = self.node("other")
        other.start("--create", "--partitions", str(PARTITIONS))
        mine, self.key = self.key, os.path.join(other.data, "root.key")
        if len(self.seen_by(other)) != 1:
            raise Failure("a new cluster does not begin alone")
        # One of ours is sent there, and one with a token of ours knocks at their door.
        members[3].end(signal.SIGTERM)
        members[3].start("--contact", other.address())
        stray = self.node("stray")
        stray.spawn("--join", os.path.join(other.data, "join.token"), "--contact", members[0].address())
        time.sleep(5)
        theirs, self.key = self.seen_by(other), mine
        if len(theirs) != 2 or any(node.id in theirs for node in members):
            raise Failure(f"two clusters have mixed: {sorted(theirs)}")
        self.wait_for_members(members)
        stray.end()
        other.end()
        print("two clusters do not mix")

    def needed_stays(self):
        """In a cluster of two each partition has one vote. Whoever holds it can be evicted when it has handed it on."""
        first, second = self.node("first"), self.node("second")
        first.start("--create", "--partitions", str(PARTITIONS))
        self.key = os.path.join(first.data, "root.key")
        second.start("--join", os.path.join(first.data, "join.token"))
        self.wait_for_members([first, second])
        self.wait(lambda: self.votes(second, first) > 0, "the partitions are counted")
        done = self.run_vortex(second, "evict", first.id)
        while done.returncode == BUSY:
            done = self.run_vortex(second, "evict", first.id)
        if done.returncode != PRECONDITION or "would be lost" not in done.stdout + done.stderr:
            raise Failure(f"evicting the only voter: {done.returncode}: {done.stdout} {done.stderr}")
        self.vortex(first, "drain", first.id)
        self.wait(lambda: self.votes(second, first) == 0 and self.votes(second, second) == PARTITIONS, "the votes are handed on")
        self.vortex(second, "evict", first.id)
        first.ends()
        self.wait_for_members([second])
        self.vortex(second, "token", "create")
        print("whose vote is needed is not evicted before it has handed it on")

    def votes(self, at, of):
        """In how many partitions that can be seen it has a vote."""
        told = self.vortex(at, "partitions", check=False)
        members = [m for p in (told or {}).get("partitions", []) for m in p["members"]]
        return sum(m["voter"] for m in members if of.id.startswith(m.get("id", m.get("node", "?"))))


def main(programs):
    memory = "/dev/shm"
    base = tempfile.mkdtemp(prefix="vortex-", dir=memory if os.access(memory, os.W_OK) else None)
    test = Test(programs, base)
    try:
        test.run()
    except (Failure, subprocess.TimeoutExpired) as failure:
        for node in test.nodes:
            if os.path.exists(node.log):
                print(f"--- {node.name}\n{node.last_words(25)}")
        print(f"FAILED: {failure}")
        return 1
    finally:
        for node in test.nodes:
            node.end()
        shutil.rmtree(base, ignore_errors=True)
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(os.path.abspath(sys.argv[1])))
