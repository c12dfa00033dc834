#!/usr/bin/env python3
"""What commands do on a cluster of real processes: trees of small files, parts of files, holes, attributes, policies,
where things are, and what the deep check finds.

usage: commands_test.py PROGRAMS   (the folder with vortex and vortex-node)
"""

import json
import os
import subprocess
import sys
import time

from cluster import Cluster, CommandFailed

BASE_PORT = 17550


def expect(what, wanted):
    if not what:
        raise AssertionError(wanted)


def fails(cluster, status, *words):
    try:
        cluster.run(*words)
    except CommandFailed as failure:
        expect(failure.status == status, f"{words} ends with {status}, not with {failure}")
    else:
        raise AssertionError(f"{words} was done")


def trees(cluster):
    """Names in every legal byte, modes, times, links and holes survive the way there and back."""
    here = cluster.file("tree")
    os.makedirs(here + "/deep/er")
    os.mkdir(here + "/empty")
    for i in range(700):
        with open(f"{here}/deep/{i}", "wb") as file:
            file.write(os.urandom(i % 90) + b"%d" % i)
    with open(here + "/large", "wb") as file:
        file.write(os.urandom(300_000))
    with open(here + "/deep/er/just too large", "wb") as file:
        file.write(os.urandom(65_537))
    every = bytes(byte for byte in range(1, 256) if byte != ord("/"))
    with open(os.path.join(os.fsencode(here), every), "wb") as file:
        file.write(b"odd name")
    os.symlink("deep/1", here + "/link")
    os.chmod(here + "/deep/2", 0o751)
    os.utime(here + "/deep/2", (1_000_000_000, 1_000_000_000))
    with open(here + "/sparse", "wb") as file:
        file.truncate(1 << 40)
        file.seek(1 << 39)
        file.write(b"in the middle")
    os.chmod(here + "/deep/er", 0o700)
    os.utime(here + "/deep/er", (1_100_000_000, 1_100_000_000))
    os.utime(here + "/deep", (-1.5, -1.5))
    os.mkfifo(here + "/fifo")
    done = cluster.json("store", "-r", here, "/tree")
    expect(done["left_out"] == 1, "a pipe is left out, and said")
    os.unlink(here + "/fifo")
    expect(done["files"] == 704, f"704 files, not {done['files']}")
    back = cluster.file("back")
    cluster.run("fetch", "-r", "/tree", back, node=2)
    same = subprocess.run(["diff", "-r", "--no-dereference", "--exclude=sparse", here, back], check=False, capture_output=True)
    expect(same.returncode == 0, same.stdout.decode(errors="replace"))
    about = os.stat(back + "/deep/2")
    expect(about.st_mode & 0o7777 == 0o751 and about.st_mtime == 1_000_000_000, "mode and time of a file")
    about = os.stat(back + "/deep/er")
    expect(about.st_mode & 0o7777 == 0o700 and about.st_mtime == 1_100_000_000, "mode and time of a directory")
    expect(os.stat(back + "/deep").st_mtime == -1.5, "a time before 1970")
    about = os.stat(back + "/sparse")
    expect(about.st_size == 1 << 40 and about.st_blocks * 512 < 1 << 22, "a sparse file that stays sparse")
    with open(back + "/sparse", "rb") as file:
        file.seek((1 << 39) - 3)
        expect(file.read(19) == b"\0\0\0in the middle\0\0\0", "bytes between holes")
    again = cluster.json("store", "-r", "--resume", here + "/deep", "/tree")
    expect(again["files"] == 0 and again["skipped"] == 701, f"nothing is stored twice: {again}")
    os.utime(here + "/deep/3", (5, 5))
    again = cluster.json("store", "-r", "--resume", here + "/deep", "/tree")
    expect(again["files"] == 1 and again["skipped"] == 700, f"what has changed is stored: {again}")
    again = cluster.json("store", here + "/large", "/tree/large")
    expect(again["bytes_sent"] == 0 and again["copies_found"] == 3, f"chunks that are there are not sent: {again}")


def links(cluster):
    """What a link points to follows the source, and nothing is fetched through one that was here before."""
    here, back, elsewhere = cluster.file("links"), cluster.file("links-back"), cluster.file("elsewhere")
    os.makedirs(here + "/dir")
    os.mkdir(elsewhere)
    os.mkdir(back)
    os.symlink("one", here + "/link")
    cluster.run("store", "-r", here, "/")
    cluster.run("fetch", "-r", "/links", back)
    os.unlink(here + "/link")
    os.symlink("two", here + "/link")
    fails(cluster, 4, "store", "-r", "--if-absent", here, "/")
    cluster.run("store", "-r", here, "/")
    cluster.run("fetch", "-r", "/links", back)
    cluster.run("fetch", "-r", "/links", cluster.file("fresh"))
    for place in (back + "/links", cluster.file("fresh")):
        expect(os.readlink(place + "/link") == "two", f"the link follows: {place}")
    with open(here + "/dir/file", "w") as file:
        file.write("not for elsewhere")
    cluster.run("store", here + "/dir/file", "/links/dir/file")
    os.rmdir(back + "/links/dir")
    os.symlink(elsewhere, back + "/links/dir")
    fails(cluster, 4, "fetch", "-r", "/links", back)
    expect(os.listdir(elsewhere) == [], "nothing goes through a link")


def keys(cluster):
    """A key that may write and not read is a drop box."""
    drop = cluster.file("drop.key")
    with open(drop, "wb") as file:
        file.write(cluster.run("key", "create", "w:/inbox"))
    os.chmod(drop, 0o600)
    cluster.run("mkdir", "/inbox")
    with open(cluster.file("letter"), "w") as file:
        file.write("a letter")
    cluster.run("--key", drop, "store", cluster.file("letter"), "/inbox/letter")
    expect(cluster.run("cat", "/inbox/letter") == b"a letter", "what was dropped")
    fails(cluster, 6, "--key", drop, "cat", "/inbox/letter")


def versions(cluster):
    cluster.run("store", "-", "/versioned", stdin=b"one")
    version = cluster.json("stat", "/versioned")["version"]
    fails(cluster, 4, "store", "--if-version", str(version + 1), cluster.file("letter"), "/versioned")
    cluster.run("store", "--if-version", str(version), cluster.file("letter"), "/versioned")
    expect(cluster.run("cat", "/versioned") == b"a letter", "exactly that version was replaced")
    fails(cluster, 2, "store", "--if-version", "18446744073709551616", cluster.file("letter"), "/versioned")


def parts(cluster):
    content = bytearray(os.urandom(9_000_000))
    cluster.run("store", "-", "/part", stdin=bytes(content))
    cluster.run("store", "--offset", "5000000", "-", "/part", stdin=b"x" * 1000)
    content[5_000_000:5_001_000] = b"x" * 1000
    cluster.run("store", "--append", "-", "/part", stdin=b"the end")
    content += b"the end"
    expect(cluster.run("cat", "/part", node=3) == content, "a file that was written into and appended to")
    expect(cluster.run("fetch", "--range", "-7", "/part", "-") == b"the end", "the last bytes")
    for word in (b"one ", b"two"):
        cluster.run("store", "--append", "-", "/log", stdin=word)
    expect(cluster.run("cat", "/log") == b"one two", "appending to a file that is not there begins it")
    for size in (0, 1, 65_535, 65_536, 65_537, 4_194_303, 4_194_304, 4_194_305):
        bytes_of_it = os.urandom(size)
        cluster.run("store", "-", "/size", stdin=bytes_of_it)
        expect(cluster.run("cat", "/size", node=2) == bytes_of_it, f"a file of {size} bytes")


def long_names(cluster):
    """The longest path that there may be, and one byte more."""
    above = "".join("/" + chr(ord("a") + i) * 255 for i in range(15))
    cluster.run("mkdir", "-p", above)
    longest = above + "/" + "z" * 255
    expect(len(longest) == 4096, "a path of 4096 bytes")
    cluster.run("store", "-", longest, stdin=b"deep down")
    expect(cluster.run("cat", longest, node=3) == b"deep down", "a file below 15 directories of 255 letters")
    try:
        cluster.run("store", "-", longest + "/", stdin=b"too deep")
        raise AssertionError("a path of 4097 bytes is taken")
    except CommandFailed as failure:
        expect(failure.status == 2, f"wrong usage, not {failure.status}")


def places(cluster):
    where = cluster.json("where", "/part")
    expect(where["partition"]["leader"] in where["partition"]["members"], "a partition with a leader")
    expect(sum(extent["length"] for extent in where["extents"]) == 9_000_007, "extents of all of it")
    for extent in where["extents"]:
        expect(len(extent["holders"]) == 3 and sorted(extent["holders"]) == sorted(extent["owners"]), f"three holders: {extent}")
    expect(cluster.json("where", "/log")["inline"] is True, "a small file lives with its name")
    with open(cluster.file("once"), "wb") as file:
        file.write(os.urandom(100_000))
    cluster.run("store", "--replicas", "1", cluster.file("once"), "/once")
    expect(len(cluster.json("where", "/once")["extents"][0]["holders"]) == 1, "one copy where one is wanted")
    top = cluster.json("top", "--every", "0.2")
    expect(len(top["nodes"]) == 3 and sum(node["leads"] for node in top["nodes"]) > 0, f"three nodes at work: {top}")


def keeping(cluster):
    cluster.run("mkdir", "/kept")
    expect(cluster.json("policy", "get", "/kept")["replicas"] == 3, "three copies unless somebody says otherwise")
    cluster.run("policy", "set", "/kept", "replicas=2", "min-replicas=1", "inline-max=0", "cut=content", "chunk=64KiB")
    cluster.run("mkdir", "/kept/below")
    policy = cluster.json("policy", "get", "/kept/below")
    expect(policy["replicas"] == 2 and policy["inline_max"] == 0 and "cut=content" in policy["chunks"], f"inherited: {policy}")
    cluster.run("store", "-", "/kept/below/small", stdin=b"small")
    extents = cluster.json("where", "/kept/below/small")["extents"]
    expect(len(extents) == 1 and len(extents[0]["holders"]) == 2, f"a chunk on two nodes: {extents}")
    cluster.run("xattr", "set", "/kept/below/small", "user.note", "cold")
    expect(cluster.json("xattr", "list", "/kept/below/small")["xattrs"] == {"user.note": "cold"}, "an attribute")
    cluster.run("xattr", "remove", "/kept/below/small", "user.note")
    expect(cluster.json("xattr", "list", "/kept/below/small")["xattrs"] == {}, "no attribute")


def figures(cluster):
    runs = cluster.json("bench", "store-small", "stat", "delete", "--count", "200", "--clients", "8")["runs"]
    expect([run["workload"] for run in runs] == ["store-small", "stat", "delete"], "three workloads")
    expect(all(run["ops"] == 200 and run["cpu_s"]["nodes"] >= 0 and run["latency_ms"]["p50"] > 0 for run in runs), f"{runs}")
    expect(not [e for e in cluster.json("ls", "/")["entries"] if e["path"].startswith("/bench")], "nothing left of it")


def examined(cluster):
    """The deep check finds nothing where nothing is wrong, and a file whose only copy is gone for good."""
    cluster.run("store", "--replicas", "1", "-", "/alone", stdin=os.urandom(100_000))
    report = cluster.json("doctor", "--deep")
    expect(report["defects"] == 0 and report["files"] > 700 and report["chunks"] > 0, f"no defects: {report}")
    holder = cluster.json("where", "/alone")["extents"][0]["holders"][0]
    nodes = {node["id"]: node["address"] for node in cluster.json("nodes")["nodes"]}
    number = next(i for i in (1, 2, 3) if cluster.address(i) == nodes[holder])
    through = 1 if number != 1 else 2
    cluster.run("dev", "kill", str(number), "--data", cluster.data)
    cluster.run("evict", holder, node=through)
    until = time.monotonic() + 90
    while True:
        looking = cluster.start("--json", "doctor", "--deep", node=through)
        report = json.loads(looking.communicate()[0])
        if looking.returncode == 7:
            break
        expect(time.monotonic() < until, f"a lost chunk is found: {looking.returncode} {report}")
        time.sleep(1)
    expect(report["error"]["code"] == "damaged", f"a word for it: {report}")


def main(programs):
    failures = 0
    with Cluster(programs, 3, BASE_PORT) as cluster:
        for part in (trees, links, keys, versions, parts, long_names, places, keeping, figures, examined):
            try:
                part(cluster)
            except Exception as error:  # each part is told on its own
                failures += 1
                print(f"{part.__name__}: {error}")
    print(json.dumps({"failures": failures}))
    return 1 if failures else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(os.path.abspath(sys.argv[1])))
