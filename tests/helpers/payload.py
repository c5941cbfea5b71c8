"""A pickle that runs code, for the tests of untrusted files."""

import importlib
import os
import subprocess
from pathlib import Path


class Payload:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


CALLS = ["touch", "system", "exec", "eval", "import", "open", "popen"]


class Call:
    """Creates the file `ran` when it is unpickled, by one of `CALLS`."""

    def __init__(self, way: str, ran: Path):
        self._way, self._ran = way, str(ran)

    def __reduce__(self):
        code = f"open({self._ran!r}, 'w').close()"
        return {
            "touch": (Path.touch, (Path(self._ran),)),
            "system": (os.system, (f"touch {self._ran}",)),
            "exec": (exec, (code,)),
            "eval": (eval, (code,)),
            "import": (importlib.import_module, ("evil.registry",)),
            "open": (open, (self._ran, "w")),
            "popen": (subprocess.run, (["touch", self._ran],)),
        }[self._way]
