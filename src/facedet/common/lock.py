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

from facedet.common.errors import UserError

_POLL = 0.1  # seconds


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Lock a folder within the block. The system releases the lock if the process dies. Raises UserError.

    The lock is a file `.lock` in the folder that holds the process ID.
    """
    with (folder / ".lock").open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = file.read().strip()
            raise UserError(
                f"{folder}: process {owner} is writing to it; wait for it or choose another folder"
            ) from None
        except OSError as error:  # some network file systems have no locks
            print(f"warning: {folder}: cannot be locked ({error.strerror}); start one run at a time", file=sys.stderr)
        os.register_at_fork(after_in_child=file.close)  # a worker that outlives its process would keep the lock
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


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
