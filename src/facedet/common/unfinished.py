"""What is being written: under a name of its own and locked, so that what a killed process left behind can be removed.

The system releases the lock when a process dies, wherever it ran. On a file system without locks, leftovers stay.
"""

import fcntl
import functools
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_NAME = re.compile(r"\.facedet-[0-9a-f]{16}(\..*)?", re.DOTALL)


def is_unfinished(name: str) -> bool:
    """Whether a file or folder has the name of one that is being written."""
    return _NAME.fullmatch(name) is not None


def new_name() -> str:
    """A name, without suffix, that no other thread, process or container uses."""
    return f".facedet-{secrets.token_hex(8)}"


@contextmanager
def unfinished_file(path: Path) -> Iterator[None]:
    """Create an empty file and lock it. What is still at `path` at the end of the block is removed. Raises OSError."""
    with _locked(path, lambda: os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)):
        yield


@contextmanager
def unfinished_folder(path: Path) -> Iterator[None]:
    """The same for a folder."""

    def create() -> int:
        path.mkdir()
        return os.open(path, os.O_RDONLY)

    with _locked(path, create):
        yield


def remove_leftovers(folder: Path) -> None:
    """Remove what killed processes left unfinished in a folder, and nothing that somebody is writing."""
    with suppress(OSError):  # no such folder, or it cannot be listed
        for entry in os.scandir(folder):
            if is_unfinished(entry.name):
                _remove_unless_locked(Path(entry))


sweep_once = functools.cache(remove_leftovers)  # for folders into which a process writes thousands of files


@contextmanager
def _locked(path: Path, create: Callable[[], int]) -> Iterator[None]:
    while True:
        descriptor = create()
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if path.exists():
            break
        os.close(descriptor)  # it was taken for a leftover before it was locked
    try:
        yield
    finally:
        with suppress(OSError):
            _remove(path)
        os.close(descriptor)


def _remove_unless_locked(path: Path) -> None:
    with suppress(OSError):  # locked, of another user, or gone
        kind = os.O_RDONLY if path.is_dir() else os.O_RDWR  # NFS locks only what is open for writing
        descriptor = os.open(path, kind | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), path.lstat()):
                _remove(path)
        finally:
            os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
