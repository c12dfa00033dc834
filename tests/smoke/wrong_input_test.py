#!/usr/bin/env python3
"""What users type wrong, and what they are told: message, exit status, and that nothing is lost by it.

usage: wrong_input_test.py PROGRAMS   (the folder with vortex and vortex-node)
"""

import json
import os
import subprocess
import sys

from cluster import Cluster

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
    other = cluster.file("other")
    process = subprocess.Popen([node, "--create", "--data", other, "--listen", "127.0.0.1:0", "--partitions", "1"],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if not process.stdout.readline().startswith(b"ready"):
        table.failures.append("a node that creates a cluster of its own is not ready")
    process.terminate()
    if process.wait(timeout=60) != 0:
        table.failures.append("a node that is asked to stop ends with another status than 0")
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
        daemon(table, cluster, programs)
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
