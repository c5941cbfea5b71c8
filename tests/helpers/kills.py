"""A process that kills itself at a chosen moment: just before it changes a file or folder for the n-th time."""

import itertools
import os
import signal
import sys
from pathlib import Path
from typing import Any

_CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.truncate", "fcntl.flock")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
NEVER = sys.maxsize


def die_before(change: int, folder: Path, counter: Path | None = None) -> None:
    """Let this process die by SIGKILL just before that change in a folder, counted from 1.

    A change is what Python's audit events tell: opening to write, renaming, removing, creating a folder, locking. What
    is written by C++ lies between two of them. counter: a file that gets a byte for each change.
    """
    inside, numbers = str(folder.resolve()), itertools.count(1)
    told = os.open(counter, os.O_WRONLY | os.O_CREAT) if counter else None

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if not _is_change(event, arguments, inside):
            return
        if next(numbers) == change:
            os.kill(os.getpid(), signal.SIGKILL)
        if told is not None:
            os.write(told, b"!")

    sys.addaudithook(watch)


def _is_change(event: str, arguments: tuple[Any, ...], inside: str) -> bool:
    if event == "fcntl.flock":
        return True
    if event == "open" and not arguments[2] & _WRITES:
        return False
    return event in (*_CHANGES, "open") and str(arguments[0]).startswith(inside)
