"""Programs of others, each in an environment of its own: pinned in tests/clients/, kept in the user's cache.

An environment is built anew when its pins change.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

CLIENTS = Path(__file__).parent.parent / "clients"


def environment(tool: str) -> Path:
    """The Python with the packages of tests/clients/TOOL.txt. Skips the test if pip finds no such package."""
    pins = CLIENTS / f"{tool}.txt"

    def build(folder: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = folder / "bin" / "python"
        _install(
            tool,
            [python, "-m", "pip", "install", "-q", "--no-compile", "--disable-pip-version-check", "-r", pins],
            folder,
        )

    return _cached(tool, pins.read_bytes() + sys.version.encode(), build) / "bin" / "python"


def node_modules(tool: str) -> Path:
    """A folder with the packages of tests/clients/TOOL.json for Node. Skips the test where there is no Node."""
    if not shutil.which("npm"):
        pytest.skip("Node and npm are not installed")
    pins = CLIENTS / f"{tool}.json"

    def build(folder: Path) -> None:
        shutil.copy(pins, folder / "package.json")
        _install(tool, ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"], folder)

    return _cached(tool, pins.read_bytes(), build)


def _cached(tool: str, pins: bytes, build: Callable[[Path], None]) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "facedet-test-clients"
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / f"{tool}-{hashlib.sha256(pins).hexdigest()[:12]}"
    with FileLock(cache / f"{tool}.lock"):
        if not (folder / "complete").exists():
            for outdated in cache.glob(f"{tool}-*"):
                shutil.rmtree(outdated)
            folder.mkdir()
            build(folder)
            (folder / "complete").touch()
    return folder


def _install(tool: str, command: list, folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if "No matching distribution found" in done.stderr:
        pytest.skip(f"{tool} cannot be installed: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr[-2000:]
