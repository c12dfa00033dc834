#!/usr/bin/env python3
"""run.py BUILD [NAME…]: plants the bugs of this folder, one at a time, into a copy of Raft, and tells which seed of its
world finds each, and how soon. Exits with 1 when one is not found. BUILD is a build directory (for libvortex_base.a)."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SOURCES = ["dht/raft", "tests/unit/dht"]
FLAGS = ["-std=c++20", "-O1", "-DASIO_STANDALONE", "-DASIO_NO_DEPRECATED", "-DASIO_SEPARATE_COMPILATION",
         "-DASIO_HAS_STD_ALIGNED_ALLOC=1"]
WORLDS = ["no attack*", "no seed*"]
SEEDS = int(os.environ.get("VORTEX_MUTANT_SEEDS", "2000"))
STEP = 50


def copy_sources(to):
    for folder in SOURCES:
        os.makedirs(os.path.join(to, folder))
        for name in sorted(os.listdir(os.path.join(ROOT, folder))):
            if folder == "dht/raft" or name.startswith("raft_"):
                shutil.copy(os.path.join(ROOT, folder, name), os.path.join(to, folder, name))
    shutil.copy(os.path.join(ROOT, "tests/unit/main.cc"), os.path.join(to, "tests/unit/main.cc"))


def units(tree):
    found = ["tests/unit/main.cc"]
    for folder in SOURCES:
        found += [f"{folder}/{name}" for name in sorted(os.listdir(os.path.join(tree, folder))) if name.endswith(".cc")]
    return found


def compile_units(tree, which, objects):
    os.makedirs(objects, exist_ok=True)

    def one(unit):
        target = os.path.join(objects, unit.replace("/", "_") + ".o")
        subprocess.run(["g++", *FLAGS, "-I", tree, "-I", ROOT, "-c", os.path.join(tree, unit), "-o", target], check=True)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, which))


def link(build, objects, program):
    files = [os.path.join(objects, name) for name in sorted(os.listdir(objects))]
    libraries = [os.path.join(build, "libvortex_base.a"), "-lcrypto", "-lxxhash", "-lpthread"]
    subprocess.run(["g++", *files, *libraries, "-o", program], check=True)


def run(program, world, first, last):
    environment = dict(os.environ, VORTEX_RAFT_SEEDS=f"{first}..{last}")
    return subprocess.run([program, f"-tc={world}", "--abort-after=1", "--no-version"], env=environment,
                          capture_output=True, text=True, check=False)


def hunt(program):
    """The first seed that fails, its world and how long that took; None when none of them does."""
    began = time.monotonic()
    for first in range(1, SEEDS, STEP):
        for world in WORLDS:
            if run(program, world, first, first + STEP - 1).returncode == 0:
                continue
            for seed in range(first, first + STEP):
                ended = run(program, world, seed, seed)
                if ended.returncode != 0:
                    seen = re.search(r"at \d+ ms: .*|check failed.*", ended.stdout + ended.stderr)
                    return seed, world, time.monotonic() - began, seen.group(0) if seen else "failed"
    return None


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    build, wanted = os.path.abspath(sys.argv[1]), sys.argv[2:]
    patches = [name[:-6] for name in sorted(os.listdir(HERE)) if name.endswith(".patch")]
    missed = 0
    with tempfile.TemporaryDirectory() as scratch:
        clean = os.path.join(scratch, "clean")
        copy_sources(clean)
        sound = os.path.join(scratch, "objects")
        compile_units(clean, units(clean), sound)
        for name in wanted or patches:
            tree, objects = os.path.join(scratch, name), os.path.join(scratch, name + ".o")
            shutil.copytree(clean, tree)
            shutil.copytree(sound, objects)
            patch = os.path.join(HERE, name + ".patch")
            subprocess.run(["patch", "-s", "-p1", "-d", tree, "-i", patch], check=True)
            with open(patch, encoding="utf-8") as text:
                touched = re.findall(r"^\+\+\+ b/(.*)$", text.read(), re.M)
            header = any(path.endswith(".h") for path in touched)
            compile_units(tree, units(tree) if header else touched, objects)
            program = os.path.join(scratch, name + ".run")
            link(build, objects, program)
            found = hunt(program)
            if found is None:
                missed += 1
                print(f"{name}: NOT FOUND in {SEEDS} seeds", flush=True)
            else:
                print(f"{name}: seed {found[0]} of '{found[1]}' after {found[2]:.1f} s: {found[3]}", flush=True)
            shutil.rmtree(tree)
            shutil.rmtree(objects)
    if missed:
        sys.exit(f"{missed} planted bugs were not found")


if __name__ == "__main__":
    main()
