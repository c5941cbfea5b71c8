"""Files: their digest, and writing under a temporary name that is then renamed, so that no file is ever incomplete."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from facedet.common.errors import UserError
from facedet.common.manifest import record

_BEGUN = ".facedet-"  # then the process ID and the name: a file that is being written


def check_writable(folder: Path) -> None:
    """Create the folder if it is missing. Raises UserError if it cannot be written to."""
    probe = folder / f"{_BEGUN}{os.getpid()}.writable"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink(missing_ok=True)  # another process may have removed it as a leftover
    except OSError as error:
        raise UserError(f"{folder}: cannot be written to ({error.strerror or error})") from error


def remove_leftovers(folder: Path) -> None:
    """Remove the incomplete files that killed processes of this machine left behind."""
    for leftover in folder.glob(f"{_BEGUN}*"):
        process = leftover.name.removeprefix(_BEGUN).partition(".")[0]
        if process.isdecimal() and not _is_running(int(process)):
            with suppress(OSError):
                leftover.unlink()


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's process
        return True
    return True


def write_json(content: Any, path: Path) -> None:
    """Write plain values as JSON. Raises UserError if the file cannot be written, ValueError for NaN or infinity."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text. Raises UserError if the file cannot be written."""
    with write_beside(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def one_per_line(words: Iterable[str]) -> str:
    """The text of a list."""
    return "".join(f"{word}\n" for word in words)


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def write_beside(path: Path, keep: Path | None = None) -> Iterator[Path]:
    """Yield a temporary path in the same folder (created if missing) and rename it to `path` if no error occurred.

    The file is flushed to the disk before it is renamed, so that a power failure cannot leave an empty one. keep: the
    earlier file is kept under this name, in the same folder. Raises UserError if the file cannot be written, such as
    when the disk is full.
    """
    temporary = path.with_name(f"{_BEGUN}{os.getpid()}.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _sync(temporary)
        record(path, temporary)
        if keep and path.exists():
            _keep(path, keep)
        temporary.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _keep(path: Path, earlier: Path) -> None:
    """Give a file a second name, so that it exists at every moment; rename it if the file system has no links."""
    earlier.unlink(missing_ok=True)
    try:
        os.link(path, earlier)
    except OSError:
        path.replace(earlier)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
