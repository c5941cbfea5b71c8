"""A pickle that runs code, for the tests of untrusted files."""

from pathlib import Path


class Payload:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))
