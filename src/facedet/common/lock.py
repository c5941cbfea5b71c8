"""Let one process at a time write to a folder."""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facedet.common.errors import UserError


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
