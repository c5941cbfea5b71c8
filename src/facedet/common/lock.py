"""Let one process at a time write to a folder."""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from facedet.common.errors import UserError

_held: set[IO[str]] = set()


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Lock a folder within the block. The system releases the lock if the process dies. Raises UserError.

    The lock is a file `.lock` in the folder that holds the process ID.
    """
    file = _opened(folder / ".lock")
    try:
        _lock(file, folder)
        _held.add(file)
        _write_owner(file, folder)
        yield
    finally:
        _held.discard(file)
        file.close()


def _opened(path: Path) -> IO[str]:
    try:
        return path.open("a+", encoding="ascii", errors="replace")
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from error


def _lock(file: IO[str], folder: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        owner = file.read(20).strip()
        raise UserError(f"{folder}: process {owner} is writing to it; wait for it or choose another folder") from None
    except OSError as error:  # some network file systems have no locks
        print(f"warning: {folder}: cannot be locked ({error.strerror}); start one run at a time", file=sys.stderr)


def _write_owner(file: IO[str], folder: Path) -> None:
    try:
        os.truncate(file.fileno(), 0)
        os.write(file.fileno(), str(os.getpid()).encode())
    except OSError as error:
        raise UserError(f"{folder}: cannot be written to ({error.strerror})") from error


def _release_in_child() -> None:
    """A worker that outlives its process would keep the lock."""
    for file in _held:
        file.close()
    _held.clear()


os.register_at_fork(after_in_child=_release_in_child)
