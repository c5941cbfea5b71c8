"""What is written: refused before the work starts where it would harm an input, another output or the user's files."""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

from facedet.common.errors import UserError
from facedet.common.manifest import MANIFEST, claimed, is_claimed, others, place
from facedet.common.unfinished import is_unfinished


@dataclass(frozen=True)
class Output:
    """What a verb will write: a file or, with names, these files in a folder.

    names: paths in the folder. alone: the folder must be empty, and nothing else is written into it.
    """

    path: Path
    names: Sequence[str | Path] | None = None
    alone: bool = False

    @property
    def folder(self) -> Path:
        return self.path.parent if self.names is None else self.path

    @property
    def files(self) -> list[Path]:
        return [self.path] if self.names is None else [self.path / name for name in self.names]


@dataclass(frozen=True)
class Input:
    """A file or folder that is only read.

    whole: nothing may be written below the folder, as all of it is read; if not, only its files are safe.
    """

    path: Path
    whole: bool = False

    @property
    def files(self) -> list[Path]:
        weights = [self.path.with_suffix(".bin")] if self.path.suffix == ".xml" else []  # an IR is two files
        return [self.path, *weights]


@contextmanager
def writing(
    verb: str, outputs: Sequence[Output], inputs: Sequence[Input] = (), *, overwrite: bool = False
) -> Iterator[None]:
    """Refuse outputs that would harm something; within the block, note their files as the verb's. Raises UserError.

    A file that exists is replaced only if this verb wrote it and nobody changed it since, or with `overwrite`. Outputs
    of an outer block are not checked again.
    """
    new = [output for output in outputs if not output.files or not all(map(is_claimed, output.files))]
    files = [file for output in new for file in output.files]
    for output in new:
        _refuse_unusable(output)
    for one, other in permutations(new, 2):
        _refuse_both(one, other)
    refuse_inputs(new, inputs)
    listed = {os.path.realpath(source.path): source.path for source in inputs if source.path.is_dir()}
    for file in others(verb, files):
        if not overwrite:
            wrote = f"`facedet {verb}` did not write it, or it was changed since"
            raise UserError(f"{file}: exists, and {wrote}; choose another path, or replace it with --overwrite")
        if source := listed.get(os.path.realpath(file.parent)):
            raise UserError(f"{file}: is in {source}, which is only read; choose a path outside it")
    with claimed(verb, files):
        yield


def refuse_inputs(outputs: Iterable[Output], inputs: Sequence[Input]) -> None:
    """Raise UserError if an output would replace an input, or would be in a folder of which everything is read."""
    read = {_identity(path): source.path for source in inputs for path in source.files}
    folders = [(source.path.resolve(), source.path) for source in inputs if source.whole and source.path.is_dir()]
    for output in outputs:
        for file in output.files or [output.path / MANIFEST]:
            around = (path for folder, path in folders if place(file).is_relative_to(folder))
            if source := read.get(_identity(file)) or next(around, None):
                raise UserError(f"{file}: would change {source}, which is only read; choose a path outside it")


def refuse_filled(folder: Path) -> None:
    """Raise UserError if the folder is there and not empty."""
    if os.path.lexists(folder) and (not folder.is_dir() or any(map(_is_content, folder.iterdir()))):
        raise UserError(f"{folder}: is not an empty folder; choose another one")


def _is_content(path: Path) -> bool:
    return path.name != MANIFEST and not is_unfinished(path.name)


def _refuse_unusable(output: Output) -> None:
    """Raise UserError if an output cannot be written, as far as this shows without writing."""
    around = next(path for path in (output.folder, *output.folder.parents) if _status(path))
    if not around.is_dir():
        raise UserError(f"{output.path}: cannot be written ({around} is not a folder)")
    if not os.access(around, os.W_OK | os.X_OK):
        raise UserError(f"{output.path}: cannot be written ({around} is read-only)")
    if output.alone:
        refuse_filled(output.path)
    for file in output.files:
        if file.name in ("", MANIFEST):
            raise UserError(f"{file}: cannot be written; choose another name")
        if (status := _status(file)) and not (stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)):
            what = "a folder" if stat.S_ISDIR(status.st_mode) else "no file that can be replaced"
            raise UserError(f"{file}: is {what}; choose another path")


def _refuse_both(one: Output, other: Output) -> None:
    """Raise UserError if an output would replace the other or be inside it."""
    theirs = {place(file) for file in other.files}
    for file in one.files or [one.path / MANIFEST]:
        at = place(file)
        if at in theirs or not theirs.isdisjoint(at.parents) or (other.alone and other.path.resolve() in at.parents):
            raise UserError(f"{file}: two outputs of this command would be there; choose another path for one of them")


def _status(path: Path) -> os.stat_result | None:
    """What is at a path, links not followed; None if nothing is. Raises UserError, for example for a long name."""
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from error


def _identity(path: Path) -> object:
    """What is equal for two paths of one file, also through links."""
    try:
        status = os.stat(path)
    except OSError:
        return os.path.realpath(path)
    return status.st_dev, status.st_ino
