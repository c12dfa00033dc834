"""Machines that are network namespaces: each with an address of its own, all on one switch, with firewalls between them.

Everything happens in a network and a mount namespace made for this run, so nothing of the host's is touched and nothing is left
behind."""

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
MS_REC, MS_PRIVATE = 0x4000, 1 << 18
INSIDE = "VORTEX_NETNS_INSIDE"
TABLE = "vortex"


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def run(*words, check=True, **more):
    done = subprocess.run(words, text=True, capture_output=True, **more)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: exit status {done.returncode}: {done.stderr.strip()}")
    return done


def enter():
    """From here on this process and its children live in namespaces of their own. Ends the program where that is not permitted."""
    for tool in ("ip", "nft", "unshare"):
        if not shutil.which(tool):
            skip(f"there is no `{tool}` here (packages iproute2, nftables, util-linux)")
    if os.environ.get(INSIDE) != "1":
        flags = ["--net", "--mount", "--fork", "--kill-child"]
        if os.geteuid() != 0:
            flags += ["--user", "--map-root-user"]
        tried = run("unshare", *flags, "true", check=False)
        if tried.returncode != 0:
            skip(f"network namespaces are not permitted here: {tried.stderr.strip()}")
        environment = dict(os.environ, **{INSIDE: "1"})
        os.execvpe("unshare", ["unshare", *flags, sys.executable, "-B", *sys.argv], environment)
    # Named namespaces live under /run/netns: a place of our own.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) != 0:
        skip(f"mounts cannot be made private: {os.strerror(ctypes.get_errno())}")
    os.makedirs("/run/netns", exist_ok=True)
    mounted = run("mount", "-t", "tmpfs", "none", "/run/netns", check=False)
    if mounted.returncode != 0:
        skip(f"mounting is not permitted here: {mounted.stderr.strip()}")
    made = run("ip", "netns", "add", "probe", check=False)
    if made.returncode != 0:
        skip(f"network namespaces cannot be made here: {made.stderr.strip()}")
    filtered = run("ip", "netns", "exec", "probe", "nft", "add", "table", "inet", TABLE, check=False)
    run("ip", "netns", "del", "probe")
    if filtered.returncode != 0:
        skip(f"nft does not work here: {filtered.stderr.strip()}")


class Machine:
    """One namespace. Rules of its firewall are by name, so that each can be taken back."""

    def __init__(self, number):
        self.number = number
        self.name = f"m{number}"
        self.address = f"10.77.0.{number}"
        self.processes = []
        run("ip", "netns", "add", self.name)
        run("ip", "link", "add", f"sw{number}", "type", "veth", "peer", "name", "net", "netns", self.name)
        run("ip", "link", "set", f"sw{number}", "master", "switch", "up")
        for words in (
            ["addr", "add", f"{self.address}/24", "dev", "net"],
            ["link", "set", "net", "up"],
            ["link", "set", "lo", "up"],
        ):
            run("ip", "-n", self.name, *words)
        self.nft(f"add table inet {TABLE}")
        for chain in ("input", "output"):
            self.nft(f"add chain inet {TABLE} {chain} {{ type filter hook {chain} priority 0; }}")

    def nft(self, command):
        return run("ip", "netns", "exec", self.name, "nft", "-a", "-e", command).stdout

    def add_rule(self, chain, rule):
        """Gives what del_rule takes."""
        device = "iifname" if chain == "input" else "oifname"
        told = self.nft(f'add rule inet {TABLE} {chain} {device} "net" {rule}')
        return chain, told.rsplit("handle", 1)[1].split()[0]

    def del_rule(self, rule):
        chain, handle = rule
        self.nft(f"delete rule inet {TABLE} {chain} handle {handle}")

    def lose(self, per_thousand):
        """Loss of what this machine sends, for good."""
        self.add_rule("output", f"numgen random mod 1000 < {per_thousand} counter drop")

    def cut(self, hears=False, speaks=False):
        """Cut off from all others: what it does not hear, and what others do not hear of it. Gives the rules to heal."""
        rules = []
        if not hears:
            rules.append(self.add_rule("input", "counter drop"))
        if not speaks:
            rules.append(self.add_rule("output", "counter drop"))
        return rules

    def heal(self, rules):
        for rule in rules:
            self.del_rule(rule)

    def dropped(self):
        """Packets that the firewall has dropped so far."""
        told = self.nft(f"list table inet {TABLE}")
        return sum(int(line.split("packets", 1)[1].split()[0]) for line in told.splitlines() if "counter packets" in line)

    def run(self, *words, **more):
        return run("ip", "netns", "exec", self.name, *words, **more)

    def start(self, *words, **more):
        process = subprocess.Popen(["ip", "netns", "exec", self.name, *words], text=True, **more)
        self.processes.append(process)
        return process

    def end(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
        for process in self.processes:
            process.wait()
            if process.stdout:
                process.stdout.close()


class World:
    """So many machines on one switch, and a directory for them."""

    def __init__(self, machines):
        self.directory = tempfile.mkdtemp(prefix="vortex-netns-")
        self.machines = []
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "switch", "type", "bridge")
        run("ip", "link", "set", "switch", "up")
        for number in range(1, machines + 1):
            self.machines.append(Machine(number))

    def __getitem__(self, number):
        return self.machines[number - 1]

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        for machine in self.machines:
            machine.end()
        # The kernel takes a namespace apart later: its cable goes now, so that the next world can have one of that name.
        for machine in self.machines:
            run("ip", "link", "del", f"sw{machine.number}", check=False)
            run("ip", "netns", "del", machine.name, check=False)
        run("ip", "link", "del", "switch", check=False)
        shutil.rmtree(self.directory, ignore_errors=True)
