"""clang-format says nothing: every file looks as the .clang-format in the root wants it."""

import re
import shutil
import subprocess

FINDING = re.compile(r"^(.*?):(\d+):\d+: (?:error|warning): code should be clang-formatted", re.MULTILINE)


def run(tree):
    # Another version would want other spaces.
    program = shutil.which("clang-format-14")
    if program is None:
        yield "clang-format-14 is missing; scripts/setup installs it"
        return
    paths = tree.files(".h", ".cc")
    for start in range(0, len(paths), 50):
        done = subprocess.run(
            [program, "--dry-run", *paths[start : start + 50]], cwd=tree.root, capture_output=True, text=True
        )
        first = {}
        for path, line in FINDING.findall(done.stderr):
            first.setdefault(path, line)
        for path, line in first.items():
            yield f"{path}:{line}: not formatted; run clang-format-14 -i {path}"
        if done.returncode != 0 and not first:
            yield done.stderr.strip() or "clang-format failed"
