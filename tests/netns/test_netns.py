"""Real processes in network namespaces: loss by nft, delay by a proxy, and one node cut off by its firewall.

usage: test_netns.py BIN_DIRECTORY [--nodes N] [--keep-logs DIRECTORY]

First the world itself is tried (loss, cuts in one and in both directions, delay). Then a cluster of vortex-node lives in it: while
packets are lost and delayed nobody may be declared dead; who is cut off must be seen to be dead by all others in time, and nobody
else; and when the firewall lets it through again, everybody must see everybody without help. Exit status 77: skipped, with the reason."""

import argparse
import concurrent.futures
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import netns_world

HERE = os.path.dirname(os.path.abspath(__file__))
PORT, SLOW_PORT = 7400, 7500
LOSS_PER_THOUSAND = 20
DELAY_MS, JITTER_MS = 20, 20

# Of a silent node by all others, on a lossy network with heartbeats every 300 ms; and of its return by everybody. Asking takes a
# while by itself: who asks shows a key, and the record of that key may have had its leader on the node that is cut off.
DETECT_WITHIN = 15.0
RETURN_WITHIN = 30.0
START_WITHIN = 30.0
QUIET_FOR = 15.0
# Whatever happens, the whole run is over by then.
RUN_WITHIN = 115


class Failure(Exception):
    pass


def out_of_time(*unused):
    raise Failure(f"not done after {RUN_WITHIN} s")


def wait_for(condition, within, what):
    """Polls until the condition gives None; its last complaint is the failure."""
    begun = time.monotonic()
    while True:
        complaint = condition()
        if complaint is None:
            return time.monotonic() - begun
        if time.monotonic() - begun > within:
            raise Failure(f"{what}: not within {within:.0f} s: {complaint}")
        time.sleep(0.2)


# --- the world itself ---

CONNECT = """
import socket, sys, time
begun = time.monotonic()
try:
    stream = socket.create_connection((sys.argv[1], int(sys.argv[2])), float(sys.argv[3]))
    stream.settimeout(float(sys.argv[3]))
    stream.sendall(b"x")
    answer = stream.recv(1)
    print("ok" if answer == b"x" else "closed", time.monotonic() - begun)
except OSError as error:
    print("failed", type(error).__name__)
"""

ECHO = """
import socket, sys, threading
listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
print("ready", flush=True)
def serve(stream):
    while data := stream.recv(4096):
        stream.sendall(data)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""


def connect(machine, address, port, patience):
    words = machine.run(sys.executable, "-c", CONNECT, address, str(port), str(patience)).stdout.split()
    return words[0], float(words[1]) if words[0] == "ok" else None


def start_ready(machine, *words):
    process = machine.start(*words, stdout=subprocess.PIPE)
    if process.stdout.readline().strip() != "ready":
        raise Failure(f"{words[1]} did not start in {machine.name}")
    return process


def expect(value, wanted, what):
    if value != wanted:
        raise Failure(f"{what}: {value} instead of {wanted}")


def try_world(world):
    one, two, three = world[1], world[2], world[3]
    start_ready(two, sys.executable, "-c", ECHO, two.address, str(PORT))
    expect(connect(one, two.address, PORT, 5)[0], "ok", "two machines")

    # Cut off in one direction or both: nothing works either way over TCP, but only what is cut is dropped.
    for hears, speaks in ((False, False), (True, False), (False, True)):
        rules = two.cut(hears=hears, speaks=speaks)
        before = two.dropped()
        expect(connect(one, two.address, PORT, 1)[0], "failed", f"a cut (hears={hears}, speaks={speaks})")
        if two.dropped() <= before:
            raise Failure("a cut drops nothing")
        expect(connect(one, one.address, PORT, 1)[0], "failed", "a port on which nobody listens")
        two.heal(rules)
        expect(connect(one, two.address, PORT, 5)[0], "ok", "a healed cut")

    # Delay: there and back through the proxy.
    proxy = os.path.join(HERE, "slow_proxy.py")
    listen, target = f"{two.address}:{SLOW_PORT}", f"{two.address}:{PORT}"
    start_ready(two, sys.executable, "-B", proxy, listen, target, "--delay-ms", "100", "--jitter-ms", "0")
    result, took = connect(one, two.address, SLOW_PORT, 5)
    expect(result, "ok", "the proxy")
    if not 0.2 <= took < 2:
        raise Failure(f"an echo through the proxy took {took:.3f} s instead of a little more than 0.2")

    # Loss: connections get through all the same, and packets are dropped.
    three.lose(300)
    for _ in range(5):
        expect(connect(three, two.address, PORT, 20)[0], "ok", "a lossy link")
    if three.dropped() == 0:
        raise Failure("a lossy link loses nothing")
    for machine in world.machines:
        machine.end()
        machine.processes.clear()


# --- a cluster in it ---


class Cluster:
    """One vortex-node in each machine. Others call it through its slow proxy; itself it calls them through theirs."""

    def __init__(self, world, binaries):
        self.world = world
        self.node = os.path.join(binaries, "vortex-node")
        self.command = os.path.join(binaries, "vortex")
        self.ids = {}

    def data(self, machine):
        return os.path.join(self.world.directory, machine.name)

    def log(self, machine):
        return os.path.join(self.world.directory, f"{machine.name}.log")

    def start(self, machine, *first_time):
        proxy = os.path.join(HERE, "slow_proxy.py")
        slow, fast = f"{machine.address}:{SLOW_PORT}", f"{machine.address}:{PORT}"
        delays = ["--delay-ms", str(DELAY_MS), "--jitter-ms", str(JITTER_MS)]
        start_ready(machine, sys.executable, "-B", proxy, slow, fast, *delays)
        words = [self.node, "--data", self.data(machine), "--listen", fast, "--advertise", slow, *first_time]
        with open(self.log(machine), "w", encoding="utf-8") as log:
            process = machine.start(*words, stdout=subprocess.PIPE, stderr=log)
        line = process.stdout.readline()
        if not line.startswith("ready id="):
            raise Failure(f"vortex-node did not start in {machine.name}: {line.strip()} {self.last_words(machine)}")
        self.ids[line.split("id=", 1)[1].split()[0]] = machine.name

    def last_words(self, machine, characters=500):
        with open(self.log(machine), encoding="utf-8", errors="replace") as log:
            return log.read()[-characters:]

    def print_logs(self):
        for machine in self.world.machines:
            if os.path.exists(self.log(machine)):
                print(f"--- {machine.name}: {self.data(machine)}\n{self.last_words(machine, 4000)}", flush=True)

    def start_all(self):
        first = self.world[1]
        self.start(first, "--create")
        with open(os.path.join(self.data(first), "join.token"), encoding="utf-8") as file:
            token = file.read().strip()
        for machine in self.world.machines[1:]:
            self.start(machine, "--join", token)

    def view(self, machine):
        """What the node in this machine thinks of each: health by machine. None where it cannot be asked now."""
        key = os.path.join(self.data(self.world[1]), "root.key")
        words = [self.command, "--connect", f"{machine.address}:{PORT}", "--key", key, "--json", "--timeout", "5", "nodes"]
        try:
            told = machine.run(*words, check=False, timeout=20)
        except subprocess.TimeoutExpired:
            return None
        if told.returncode != 0:
            return None
        return {self.ids.get(node["id"], node["id"]): node["health"] for node in json.loads(told.stdout)["nodes"]}

    def views(self, machines):
        """Of all of them, asked at the same time."""
        with concurrent.futures.ThreadPoolExecutor(len(machines)) as pool:
            return list(zip(machines, pool.map(self.view, machines)))

    def complaint(self, machines, expected):
        """What is not as expected in the eyes of these machines."""
        for machine, seen in self.views(machines):
            if seen is None:
                return f"{machine.name} does not answer"
            if len(seen) != len(self.world.machines):
                return f"{machine.name} knows {len(seen)} nodes"
            wrong = {name: health for name, health in seen.items() if health != expected(name)}
            if wrong:
                return f"{machine.name} sees {wrong}"
        return None

    def false_deaths(self, machines, excepted=()):
        for machine, seen in self.views(machines):
            for name, health in (seen or {}).items():
                if health == "dead" and name not in excepted:
                    raise Failure(f"{machine.name} declares {name} dead, which is well")


def try_cluster(cluster):
    world = cluster.world
    everybody = world.machines
    for machine in everybody:
        machine.lose(LOSS_PER_THOUSAND)
    cluster.start_all()
    alive = lambda name: "alive"
    took = wait_for(lambda: cluster.complaint(everybody, alive), START_WITHIN, "everybody sees everybody")
    print(f"{len(everybody)} nodes see each other {took:.1f} s after the last one started")

    quiet_until = time.monotonic() + QUIET_FOR
    while time.monotonic() < quiet_until:
        cluster.false_deaths(everybody)
    print(f"nobody was declared dead in {QUIET_FOR:.0f} s of loss and delay")

    victim = everybody[-1]
    others = everybody[:-1]
    for name, hears, speaks in (("both ways", False, False), ("deaf", False, True), ("dumb", True, False)):
        rules = victim.cut(hears=hears, speaks=speaks)
        dead = lambda one: "dead" if one == victim.name else "alive"
        took = wait_for(lambda: cluster.complaint(others, dead), DETECT_WITHIN, f"a node that is cut off ({name}) is seen")
        cluster.false_deaths(others, (victim.name,))
        victim.heal(rules)
        back = wait_for(lambda: cluster.complaint(everybody, alive), RETURN_WITHIN, f"a node that was cut off ({name}) returns")
        print(f"cut off, {name}: seen by all in {took:.1f} s, back without help in {back:.1f} s")


def missing(binaries):
    """Why the cluster cannot be tried with these binaries; None when it can."""
    for name in ("vortex-node", "vortex"):
        if not os.access(os.path.join(binaries, name), os.X_OK):
            return f"there is no {name} in {binaries}"
    known = subprocess.run([os.path.join(binaries, "vortex"), "help", "nodes"], capture_output=True, check=False)
    return None if known.returncode == 0 else "this vortex has no command `nodes`"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binaries")
    parser.add_argument("--nodes", type=int, default=7)
    parser.add_argument("--keep-logs", help="where the nodes' logs go when something fails")
    options = parser.parse_args()
    netns_world.enter()
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit(1))
    signal.signal(signal.SIGALRM, out_of_time)
    signal.alarm(RUN_WITHIN)
    try:
        with netns_world.World(3) as world:
            try_world(world)
        print("namespaces, firewalls, loss and delay work")
        reason = missing(options.binaries)
        if reason:
            netns_world.skip(f"{reason}; the world alone was tried")
        run_cluster(options)
    except (Failure, RuntimeError) as failure:
        print(f"FAILED: {failure}")
        return 1
    return 0


def run_cluster(options):
    with netns_world.World(options.nodes) as world:
        cluster = Cluster(world, os.path.abspath(options.binaries))
        try:
            try_cluster(cluster)
        except Exception:
            cluster.print_logs()
            if options.keep_logs:
                shutil.copytree(world.directory, options.keep_logs, ignore=shutil.ignore_patterns("m?"), dirs_exist_ok=True)
            raise


if __name__ == "__main__":
    sys.exit(main())
