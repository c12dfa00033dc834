"""The files of the project, as the checks walk them."""

import os

LEFT_OUT = {".git", "build", ".cache", "__pycache__"}


class Tree:
    def __init__(self, root):
        self.root = root
        self.paths = sorted(self._walk())

    def _walk(self):
        for folder, folders, names in os.walk(self.root):
            folders[:] = [name for name in folders if name not in LEFT_OUT]
            for name in names:
                yield os.path.relpath(os.path.join(folder, name), self.root)

    def files(self, *endings):
        return [path for path in self.paths if path.endswith(endings)]

    def absolute(self, path):
        return os.path.join(self.root, path)

    def read(self, path):
        with open(self.absolute(path), encoding="utf-8", errors="replace") as file:
            return file.read()
