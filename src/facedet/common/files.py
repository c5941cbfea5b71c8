"""Files: their digest, and writing under a temporary name that is then renamed, so that no file is ever incomplete."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from facedet.common.errors import UserError
from facedet.common.manifest import record
from facedet.common.unfinished import (
    new_name,
    remove_leftovers,
    sweep_once,
    unfinished_file,
    unfinished_folder,
)

SCHEMA = 1  # of every JSON that verbs write; it rises when a key is renamed or removed, or changes its meaning


def check_writable(folder: Path) -> None:
    """Create the folder if it is missing, and remove leftovers. Raises UserError if it cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder)
        with unfinished_file(folder / new_name()):
            pass
    except OSError as error:
        raise UserError(f"{folder}: cannot be written to ({error.strerror or error})") from error


def write_json(content: Mapping[str, Any], path: Path) -> None:
    """Write `as_json`. Raises UserError if the file cannot be written, ValueError for NaN or infinity."""
    write_text(path, as_json(content))


def as_json(content: Mapping[str, Any]) -> str:
    """The text of a JSON that a verb writes for people's scripts: plain values, after the number of its `schema`."""
    return json.dumps({"schema": SCHEMA, **content}, indent=2, allow_nan=False) + "\n"


def write_text(path: Path, text: str) -> None:
    """Write a text, see `_encoded`. Raises UserError like `write_beside`."""
    with write_beside(path) as temporary:
        temporary.write_bytes(_encoded(text))


def write_texts(texts: Mapping[Path, str]) -> None:
    """Write texts that belong together, into one folder: `write_together`, the first one first."""
    with write_together(*texts) as files:
        for file, text in zip(files, texts.values(), strict=True):
            file.write_bytes(_encoded(text))


def _encoded(text: str) -> bytes:
    """The bytes of a text in UTF-8; those of a file name in it that is not UTF-8 are kept."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a pair, which a JSON can hold but no file name
        return text.encode("utf-8", "backslashreplace")


def one_per_line(words: Iterable[str]) -> str:
    """The text of a list."""
    return "".join(f"{word}\n" for word in words)


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def write_beside(path: Path, keep: Path | None = None, *, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary file in the same folder (created if missing) and rename it to `path` if no error occurred.

    The file is flushed to the disk before it is renamed, so that a power failure cannot leave an empty one; `durable`
    False leaves this out, for a file that is checked when it is read. keep: the earlier file is kept under this name,
    in the same folder. Raises UserError if the file cannot be written, such as when the disk is full.
    """
    with _named(path), _begun([path]) as (temporary,):
        yield temporary
        if durable:
            _sync(temporary)
        record(path, temporary)
        if keep and path.exists():
            _keep(path, keep)
        temporary.replace(path)
        if durable:
            _sync(path.parent)


@contextmanager
def write_together(path: Path, *others: Path) -> Iterator[list[Path]]:
    """`write_beside` for files of one folder that belong together: `path`, which readers open first, and others.

    Whenever it is interrupted, `path` is not there or all are of one version: the earlier `path` is removed before the
    others are replaced, and the new one comes last. The temporary files have equal stems where the files have.
    """
    with _named(path), _begun([path, *others]) as temporary:
        yield temporary
        for file, target in zip(temporary, (path, *others), strict=True):
            _sync(file)
            record(target, file)
        path.unlink(missing_ok=True)
        _sync(path.parent)
        for file, other in zip(temporary[1:], others, strict=True):
            file.replace(other)
        _sync(path.parent)
        temporary[0].replace(path)
        _sync(path.parent)


@contextmanager
def write_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder, whose content becomes that of `folder` if no error occurred. Raises UserError.

    `folder` is created or empty. A new one appears complete; into an empty one, which can be a mount point, folders
    and then files are moved.
    """
    exists = folder.is_dir()
    base = folder if exists else folder.parent
    temporary = base / new_name()
    with _named(folder):
        base.mkdir(parents=True, exist_ok=True)
        remove_leftovers(base)
        with unfinished_folder(temporary):
            try:
                yield temporary
            except UserError as error:
                raise UserError(str(error).replace(str(temporary), str(folder))) from error
            _sync(temporary)
            if exists:
                for entry in sorted(temporary.iterdir(), key=Path.is_file):
                    entry.replace(folder / entry.name)
            else:
                temporary.replace(folder)
            _sync(base)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Errors of the system become a UserError about `path`."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or error})") from error


@contextmanager
def _begun(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """Temporary files for `paths` in their folder."""
    folder, name, stems = paths[0].parent, new_name(), [path.stem for path in paths]
    folder.mkdir(parents=True, exist_ok=True)
    sweep_once(folder)
    temporary = [folder / f"{name}.{stems.index(path.stem)}{path.suffix}" for path in paths]
    with ExitStack() as stack:
        for file in temporary:
            stack.enter_context(unfinished_file(file))
        yield temporary


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
