#!/usr/bin/env python3
"""Installs the build into an empty prefix and uses only what lies there: the examples are built with pkg-config and with
CMake and run against a cluster of the installed programs; pages, completions and the service are looked at.

usage: test_install.py BUILD_FOLDER SOURCE_FOLDER
"""

import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "smoke"))
from cluster import Cluster  # noqa: E402

BASE_PORT = 17650


def run(*words, stdin=None, **options):
    done = subprocess.run(words, input=stdin, capture_output=True, timeout=240, check=False, **options)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(words)} ended with {done.returncode}\n{done.stdout.decode(errors='replace')}"
                         f"{done.stderr.decode(errors='replace')}")
    return done.stdout


def expect(what, wanted):
    if not what:
        raise SystemExit(f"wanted: {wanted}")


def build_with_pkg_config(source, prefix, scratch, names):
    # Wherever GNUInstallDirs puts libraries.
    found = [root for root, _, files in os.walk(prefix) if "vortex.pc" in files]
    expect(len(found) == 1, "one vortex.pc")
    environment = dict(os.environ, PKG_CONFIG_PATH=found[0])
    flags = run("pkg-config", "--cflags", "--libs", "vortex", env=environment).decode().split()
    for name in names:
        run("g++", "-std=c++20", "-Wall", "-Wextra", "-Werror", f"{source}/tools/examples/{name}.cc", "-o",
            f"{scratch}/{name}", *flags)


def configure_with_cmake(source, prefix, scratch):
    """The package is found and linked: one program shows it."""
    run("cmake", "-S", f"{source}/tools/examples", "-B", f"{scratch}/cmake", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", f"{scratch}/cmake", "--target", "hello")
    expect(os.access(f"{scratch}/cmake/hello", os.X_OK), "hello, built by CMake")


def check_completion(prefix):
    script = f"{prefix}/share/bash-completion/completions/vortex"
    ask = 'source "$0"; COMP_WORDS=("${@}"); COMP_CWORD=$(($# - 1)); _vortex; echo "${COMPREPLY[@]}"'

    def completed(*words):
        return run("bash", "-c", ask, script, *words).decode().split()

    expect("store" in completed("vortex", "st") and "stat" in completed("vortex", "st"), "commands")
    expect(completed("vortex", "token", "") == ["create", "list", "revoke"], "second words")
    expect(completed("vortex", "--connect", "a:1", "token", "cr") == ["create"], "words behind options with values")
    expect("--recursive" in completed("vortex", "store", "--rec"), "options of a command")
    expect("--json" in completed("vortex", "token", "create", "--js"), "options of all commands")
    expect(completed("vortex", "store", "file") == [], "nothing where the shell completes files")
    expect(os.path.getsize(f"{prefix}/share/zsh/vendor-completions/_vortex") > 1000, "a completion for zsh")


def check_pages(prefix):
    shown = run(f"{prefix}/bin/vortex", "help").decode()
    page = open(f"{prefix}/share/man/man1/vortex.1", encoding="utf-8").read()
    for command in ("store", "wait healthy", "key create", "dev up"):
        expect(command in shown and f'.SS "{command}"' in page, f"a page that has {command}")
    node_page = open(f"{prefix}/share/man/man8/vortex-node.8", encoding="utf-8").read()
    expect("\\-\\-advertise" in node_page, "a page that has --advertise")
    if shutil.which("man"):
        for path in (f"{prefix}/share/man/man1/vortex.1", f"{prefix}/share/man/man8/vortex-node.8"):
            done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", path], capture_output=True, check=False,
                                  env=dict(os.environ, MANWIDTH="200"), timeout=60)
            expect(done.returncode == 0 and not done.stderr, f"{path} without warnings: {done.stderr.decode()}")


def check_service(prefix):
    unit = f"{prefix}/lib/systemd/system/vortex-node.service"
    text = open(unit, encoding="utf-8").read()
    expect("Type=notify" in text and "vortex-node" in text, "a service")


def use_examples(prefix, scratch):
    with Cluster(f"{prefix}/bin", 3, BASE_PORT) as cluster:
        key = os.path.join(cluster.data, "node-1", "root.key")
        where = (cluster.address(2), key)
        said = run(f"{scratch}/hello", *where).decode()
        expect(said.startswith("moon of version") and "not_found" in said, "hello's two lines")
        expect(cluster.run("cat", "/hello.txt") == b"Hello, moon!", "what hello stored")
        content = os.urandom(5_000_000)
        run(f"{scratch}/pipe", *where, "put", "/piped", stdin=content)
        expect(cluster.run("cat", "/piped", node=3) == content, "what pipe stored")
        expect(run(f"{scratch}/pipe", *where, "get", "/piped") == content, "what pipe fetched")
        token = cluster.json("token", "create", node=1)["token"]
        joined = run(f"{scratch}/embedded", f"{scratch}/fourth", f"127.0.0.1:{BASE_PORT + 3}", token, stdin=b"\n")
        expect(b"listens on" in joined, "a fourth node inside a process")
    alone = run(f"{scratch}/embedded", f"{scratch}/alone", f"127.0.0.1:{BASE_PORT}", stdin=b"\n").decode()
    expect("listens on" in alone and "mine" in alone, "a cluster inside a process")


def main(build, source):
    memory = "/dev/shm"
    base = tempfile.mkdtemp(prefix="vortex-install-", dir=memory if os.access(memory, os.W_OK) else None)
    prefix, scratch = f"{base}/prefix", f"{base}/scratch"
    try:
        os.makedirs(scratch)
        run("cmake", "--install", build, "--prefix", prefix, "--strip")
        headers = [name for _, _, files in os.walk(f"{prefix}/include") for name in files]
        expect(headers == ["vortex.h"], f"one header, not {headers}")
        build_with_pkg_config(source, prefix, scratch, ("hello", "pipe", "embedded"))
        configure_with_cmake(source, prefix, scratch)
        check_completion(prefix)
        check_pages(prefix)
        check_service(prefix)
        use_examples(prefix, scratch)
    finally:
        shutil.rmtree(base, ignore_errors=True)
    print("an installed copy is all that programs need")
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*map(os.path.abspath, sys.argv[1:])))
