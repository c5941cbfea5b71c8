"""What the processes of one test run share: built by the first that needs it, read by all."""

import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock


class Once:
    """Builds things once for all processes of a test run (pytest -n), each in a folder of its name."""

    def __init__(self, factory: pytest.TempPathFactory):
        base = factory.getbasetemp()
        self._folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def __call__(self, name: str, build: Callable[[Path], Any]) -> Any:
        """What build(folder) returned in the process that called it first; it must pickle.

        A process that dies while it builds releases the lock, and the next builds anew.
        """
        folder, result = self._folder / f"shared-{name}", self._folder / f"shared-{name}.pickle"
        with FileLock(self._folder / f"shared-{name}.lock"):
            if not result.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                content = pickle.dumps(build(folder))
                result.write_bytes(content)
            return pickle.loads(result.read_bytes())
