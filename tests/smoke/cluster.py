"""A local cluster of real processes, as tests use it: `vortex dev` underneath, everything by the command line."""

import json
import os
import shutil
import subprocess
import tempfile


class CommandFailed(Exception):
    def __init__(self, words, status, errors):
        super().__init__(f"vortex {' '.join(words)} ended with {status}: {errors.strip()}")
        self.status = status


class Cluster:
    """With-block: it is up inside, and nothing of it is left behind."""

    def __init__(self, programs, nodes, base_port, topology="all-to-all", transport="tls", flags=()):
        self.vortex_program = os.path.join(programs, "vortex")
        memory = "/dev/shm"
        self.base = tempfile.mkdtemp(prefix="vortex-", dir=memory if os.access(memory, os.W_OK) else None)
        self.data = os.path.join(self.base, "cluster")
        self.base_port = base_port
        self.up = ["dev", "up", "--data", self.data, "--nodes", str(nodes), "--base-port", str(base_port),
                   "--topology", topology, "--transport", transport, "--", *flags]
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("VORTEX_")}
        self.environment["VORTEX_CONFIG"] = os.path.join(self.data, "client.json")

    def __enter__(self):
        try:
            self.run(*self.up)
        except BaseException:
            self.show_logs()
            self.__exit__()
            raise
        return self

    def __exit__(self, kind=None, value=None, trace=None):
        if kind is not None:
            self.show_logs()
        subprocess.run([self.vortex_program, "dev", "down", "--data", self.data], env=self.environment,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(self.base, ignore_errors=True)

    def show_logs(self, lines=15):
        if not os.path.isdir(self.data):
            return
        for name in sorted(os.listdir(self.data)):
            if name.endswith(".log"):
                with open(os.path.join(self.data, name), errors="replace") as log:
                    print(f"--- {name}", *log.read().splitlines()[-lines:], sep="\n")

    def file(self, name):
        return os.path.join(self.base, name)

    def address(self, index):
        return f"127.0.0.1:{self.base_port + index - 1}"

    def start(self, *words, node=None, **options):
        """One `vortex`, not waited for; through one node if that is said."""
        through = [] if node is None else ["--connect", self.address(node)]
        return subprocess.Popen([self.vortex_program, *through, *words], env=self.environment,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)

    def run(self, *words, node=None, stdin=None):
        """Its standard output; CommandFailed when it fails."""
        process = self.start(*words, node=node, stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL)
        output, errors = process.communicate(stdin)
        if process.returncode != 0:
            raise CommandFailed(words, process.returncode, errors.decode(errors="replace"))
        return output

    def json(self, *words, node=None):
        return json.loads(self.run("--json", *words, node=node))
