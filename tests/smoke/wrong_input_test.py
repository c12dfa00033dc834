#!/usr/bin/env python3
"""What users type wrong, and what they are told: message, exit status, and that nothing is lost by it.

usage: wrong_input_test.py PROGRAMS   (the folder with vortex and vortex-node)
"""

import json
import os
import socket
import subprocess
import sys
import time

from cluster import Cluster

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "formats"))
from xxh3 import xxh3  # noqa: E402

BASE_PORT = 17450


class Table:
    def __init__(self, cluster):
        self.cluster = cluster
        self.failures = []

    def expect(self, status, *words, says="", stdin=None):
        """The command ends with this status and its error says this."""
        process = self.cluster.start(*words, stdin=subprocess.PIPE)
        output, errors = process.communicate(stdin or b"")
        text = errors.decode(errors="replace")
        if process.returncode != status or says not in text:
            self.failures.append(f"vortex {' '.join(words)}: {process.returncode} instead of {status}, "
                                 f"wanted '{says}': {text.strip()}")
        return output

    def error(self, *words):
        """The error object of --json."""
        process = self.cluster.start("--json", *words)
        output, _ = process.communicate()
        return json.loads(output).get("error", {})


def paths(table, cluster):
    for path, rule in (("", "empty"), ("/" + "x" * 256, "255"), ("/a/../b", '".."'), ("/" + "d/" * 2100, "4096")):
        table.expect(2, "mkdir", path, says=rule)
    table.expect(3, "cat", "/nowhere", says="/nowhere")
    table.expect(3, "stat", "/nowhere/at/all", says="not found")
    table.expect(1, "cat", "/", says="directory")
    table.expect(1, "store", "-", "/", says="directory", stdin=b"x")
    table.expect(1, "rm", "/full", says="directory")
    table.expect(4, "rmdir", "/full", says="not empty")
    table.expect(4, "mkdir", "/full", says="exists")
    table.expect(4, "store", "--if-absent", "-", "/full/file", says="/full/file", stdin=b"other")
    table.expect(4, "store", "--if-version", "1", "-", "/full/file", says="/full/file", stdin=b"other")
    table.expect(1, "mkdir", "/full/file/below", says="not a directory")
    table.expect(3, "store", "/no/such/local/file", "/x", says="/no/such/local/file")
    table.expect(1, "store", cluster.base, "/x", says="directory")
    table.expect(3, "mv", "/nowhere", "/full", says="/nowhere")
    table.expect(5, "store", "--replicas", "9", "-", "/x", says="9 copies need as many nodes, and there are 3", stdin=b"x" * 100_000)
    table.expect(2, "store", "--replicas", "99", "-", "/x", says="at most 16", stdin=b"x")
    table.expect(2, "store", "--append", "--offset", "1", "-", "/x", says="--offset", stdin=b"x")
    table.expect(3, "store", "--offset", "1", "-", "/nowhere", says="/nowhere", stdin=b"x")
    table.expect(3, "where", "/nowhere", says="/nowhere")
    table.expect(1, "policy", "set", "/full/file", "replicas=2", says="directory")
    table.expect(2, "policy", "set", "/full", "replicas", says="name=value")
    table.expect(2, "policy", "set", "/full", "replicas=0", says="replicas")
    table.expect(2, "policy", "set", "/full", "replicas=2", "min-replicas=3", says="min")
    table.expect(2, "policy", "set", "/full", "colour=red", says="colour")
    table.expect(1, "policy", "set", "/full", "sealing=aes-256-gcm", says="sealed files cannot be stored yet")
    table.expect(1, "policy", "set", "/full", "code=4+2", says="erasure-coded files cannot be stored yet")
    table.expect(2, "policy", "set", "/full", "inline-max=1MiB", says="64KiB")
    table.expect(3, "xattr", "remove", "/full/file", "user.no", says="/full/file")
    table.expect(2, "completion", "fish", says="fish")
    table.expect(2, "bench", "sotre-small", says="sotre-small")
    table.expect(2, "fetch", "--range", "x-y", "/full/file", "-", says="--range")


def access(table, cluster):
    key = cluster.json("key", "create", "r:/full", "--label", "reader")["key"]
    file = cluster.file("reader.key")
    with open(file, "w") as out:
        out.write(key)
    if table.expect(0, "--key", file, "cat", "/full/file") != b"content":
        table.failures.append("a key that may read did not read")
    table.expect(6, "--key", file, "store", "-", "/full/file", says="may not", stdin=b"x")
    table.expect(6, "--key", file, "ls", "/other", says="may not")
    table.expect(6, "--key", file, "key", "list", says="administration")
    identity = next(k["id"] for k in cluster.json("key", "list")["keys"] if k["label"] == "reader")
    cluster.run("key", "revoke", identity)
    table.expect(6, "--key", file, "cat", "/full/file", says="wrong access key")
    table.expect(3, "key", "revoke", identity, says=identity)
    table.expect(2, "key", "create", "x:/", says="x:/")
    table.expect(2, "token", "create", "--expires", "soon", says="soon")


def words(table, cluster):
    table.expect(2, "stroe", says="did you mean")
    table.expect(2, "store", "one", says="SRC")
    table.expect(2, "ls", "--lnog", says="--long")
    table.expect(2, "--connect", "nonsense", "ls", says="nonsense")
    table.expect(5, "--connect", "127.0.0.1:1", "--timeout", "3", "ls", says="127.0.0.1:1")
    table.expect(2, "--key", "/nowhere/key", "ls", says="/nowhere/key")
    error = table.error("cat", "/nowhere")
    if error.get("code") != "not_found" or "/nowhere" not in error.get("message", ""):
        table.failures.append(f"--json tells {error}")


def garbage(table, cluster):
    """Bytes that are no protocol of ours close the connection, and cost neither the node nor its log much."""
    host, port = cluster.address(1).split(":")
    wrongs = [b"GET / HTTP/1.1\r\n\r\n", bytes(100), b"\xff" * 5000, os.urandom(300), b"\x16\x03\x01\xff\xff" + os.urandom(64)]
    log = os.path.join(cluster.data, "node-1.log")
    before = os.path.getsize(log)
    for i in range(300):
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            try:
                connection.sendall(wrongs[i % len(wrongs)])
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass
            except OSError:
                pass
    with open(log, errors="replace") as file:
        file.seek(before)
        lines = file.read().splitlines()
    if not lines or len(lines) > 100:
        table.failures.append(f"300 bad connections are told in {len(lines)} lines")
    if cluster.run("cat", "/full/file", node=1) != b"content":
        table.failures.append("the node does not answer after bad connections")


def full(table, cluster, programs):
    """A disk without room: stores are refused in words, reads and deletions go on. On a small disk made for it."""
    small = cluster.file("small")
    os.mkdir(small)
    node = os.path.join(programs, "vortex-node")
    start = (f"mount -t tmpfs -o size=448m tmpfs {small} || exit 77; exec {node} --create --data {small}/node "
             "--listen 127.0.0.1:17490 --partitions 1 --replicas 1 --min-replicas 1")
    process = subprocess.Popen(["unshare", "-m", "sh", "-c", start], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if not process.stdout.readline().startswith(b"ready"):
        if process.wait() in (1, 77):
            print("skipped: no room can be taken where nothing may be mounted")
            return
        table.failures.append("a node on a small disk is not ready")
    key = cluster.file("small.key")
    with open(f"/proc/{process.pid}/root{small}/node/root.key", "rb") as inside, open(key, "wb") as outside:
        outside.write(inside.read())
    way = ["--connect", "127.0.0.1:17490", "--key", key]
    table.expect(0, *way, "store", "-", "/kept", stdin=b"k" * 200_000)
    stored = 0
    while stored < 40:
        process_of_store = cluster.start(*way, "store", "-", f"/fill-{stored}", stdin=subprocess.PIPE)
        _, errors = process_of_store.communicate(os.urandom(16 << 20))
        if process_of_store.returncode != 0:
            break
        stored += 1
    if process_of_store.returncode != 10 or b"disk is full" not in errors:
        table.failures.append(f"a full disk after {stored} files: {process_of_store.returncode}, {errors.decode().strip()}")
    if table.expect(0, *way, "cat", "/kept") != b"k" * 200_000:
        table.failures.append("a full disk cannot be read")
    table.expect(0, *way, "rm", "/kept")
    process.terminate()
    process.wait(timeout=60)


def daemon(table, cluster, programs):
    node = os.path.join(programs, "vortex-node")

    def start(status, says, *flags):
        done = subprocess.run([node, *flags], capture_output=True, timeout=60, check=False)
        text = done.stderr.decode(errors="replace")
        if done.returncode != status or says not in text:
            table.failures.append(f"vortex-node {' '.join(flags)}: {done.returncode} instead of {status}, "
                                  f"wanted '{says}': {text.strip()}")

    data = cluster.file("lonely")
    start(2, "--create", "--data", data, "--listen", "127.0.0.1:0")
    start(2, "join token", "--data", data, "--join", "vxjoin1zzzz", "--listen", "127.0.0.1:0")
    start(2, "\"replicas\"", "--data", data, "--create", "--replicas", "4")
    start(2, "did you mean", "--data", data, "--crate")
    config = cluster.file("node.json")
    for text, says in (('{"colour": 1}', "colour"), ('{"heartbeat": "soon"}', "heartbeat"), ("{", config)):
        with open(config, "w") as file:
            file.write(text)
        start(2, says, "--data", data, "--config", config)
    expiring = cluster.json("token", "create", "--expires", "1s")["token"]
    time.sleep(1.2)
    start(6, "expired", "--data", data, "--listen", "127.0.0.1:0", "--join", expiring)
    other = cluster.file("other")
    process = subprocess.Popen([node, "--create", "--data", other, "--listen", "127.0.0.1:0", "--partitions", "1"],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if not process.stdout.readline().startswith(b"ready"):
        table.failures.append("a node that creates a cluster of its own is not ready")
    process.terminate()
    if process.wait(timeout=60) != 0:
        table.failures.append("a node that is asked to stop ends with another status than 0")
    table.expect(6, "--key", os.path.join(other, "root.key"), "ls", "/", says="another cluster")
    with open(os.path.join(other, "identity"), "rb") as file:
        identity = file.read()
    with open(os.path.join(other, "identity"), "wb") as file:
        newer = identity[:4] + b"\x09" + identity[5:-8]
        file.write(newer + xxh3(newer).to_bytes(8, "little"))
    start(1, "format 9", "--data", other, "--listen", "127.0.0.1:0")
    with open(os.path.join(other, "identity"), "wb") as file:
        file.write(identity)
    token = cluster.json("token", "create")["token"]
    start(6, "another cluster", "--data", other, "--listen", "127.0.0.1:0", "--join", token)
    start(1, "in use", "--data", os.path.join(cluster.data, "node-1"), "--listen", "127.0.0.1:0")


def main(programs):
    with Cluster(programs, 3, BASE_PORT) as cluster:
        table = Table(cluster)
        cluster.run("mkdir", "/full")
        cluster.run("store", "-", "/full/file", stdin=b"content")
        paths(table, cluster)
        access(table, cluster)
        words(table, cluster)
        garbage(table, cluster)
        daemon(table, cluster, programs)
        full(table, cluster, programs)
        if cluster.run("cat", "/full/file") != b"content":
            table.failures.append("the file is not what it was")
    for failure in table.failures:
        print(failure)
    print(f"{len(table.failures)} failures")
    return 1 if table.failures else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(os.path.abspath(sys.argv[1])))
