"""Let one process at a time write to a folder or a file."""

import errno
import fcntl
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedRandom
from pathlib import Path
from time import monotonic, sleep
from typing import IO

from facedet.common.errors import UserError

_POLL = 0.1  # seconds
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


@contextmanager
def locked_file(path: Path, seconds: float, waits: Callable[[], None]) -> Iterator[BufferedRandom]:
    """Open a file to read and write, created if missing, when no other process or thread has it open so.

    A link, a pipe or anything else that is not a plain file of one name is not opened. waits: called once if another
    has the file. Raises UserError, also if the other still has it after `seconds`.
    """
    give_up, told = monotonic() + seconds, False
    while True:
        with _open_plain(path) as file:
            if _is_ours(file, path):
                yield file
                return
        if not told:
            waits()
            told = True
        if monotonic() > give_up:
            raise UserError(f"{path}: another process is writing to it; wait until that ends, then try again")
        sleep(_POLL)


def _open_plain(path: Path) -> BufferedRandom:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.EMLINK, errno.EISDIR, errno.ENXIO):
            raise UserError(f"{path}: cannot be written ({error.strerror or error})") from error
    else:
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode) and found.st_nlink <= 1:  # 0: renamed over or removed since
            return open(descriptor, "r+b")
        os.close(descriptor)
    raise UserError(f"{path}: a link, a folder or another special file is in the place of a file; remove it")


def _is_ours(file: BufferedRandom, path: Path) -> bool:
    """Lock an open file, if it still is the file of this name and no other has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # some network file systems have no locks
        pass
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.lstat())
    except FileNotFoundError:  # the other has renamed it
        return False
