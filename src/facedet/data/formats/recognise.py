"""Recognise the annotation format of a dataset by its content."""

from pathlib import Path

from facedet.common.errors import UserError
from facedet.data.formats.not_read import is_not_read, refuse_not_read
from facedet.data.formats.parsing import beginning
from facedet.data.formats.table import FORMATS, NAMES, TABLE

_GIVE_FORMAT = f"give its format with --format: {NAMES}"


def recognise(path: Path) -> str:
    """One of `FORMATS`. Raises UserError if the format is unknown or ambiguous."""
    return find_annotations(path)[0]


def find_annotations(path: Path, format: str | None = None) -> tuple[str, Path]:
    """The format of a dataset and the path for its reader: the given one, or the annotation file in the given folder.

    format: one of `FORMATS`; None recognises it. Raises UserError.
    """
    if format is not None and format not in FORMATS:
        raise UserError(f"'{format}' is not a dataset format; {_GIVE_FORMAT}")
    if not path.exists():
        raise UserError(f"{path}: no such file or folder")
    if path.is_file():
        return _checked_format(path, format) if format else _format_of_given_file(path), path
    if format is not None and not TABLE[format].single_file:
        return format, path
    found = [candidate for candidate in _datasets_in(path) if format in (None, candidate[0])]
    if len(found) > 1:
        first, second = (_describe(*candidate, path) for candidate in found[:2])
        raise UserError(f"{path}: contains {first} and {second}; give one of the files, or {_GIVE_FORMAT}")
    if not found:
        refuse_not_read(path)
        expected = f"the format {format}" if format else "any known format"
        raise UserError(f"{path}: not a dataset of {expected}; {_GIVE_FORMAT}")
    return found[0]


def _checked_format(file: Path, format: str) -> str:
    """The given format of a file. Raises UserError if a dataset of this format is a folder."""
    if TABLE[format].single_file or file.suffix.lower() in TABLE[format].suffixes:
        return format
    raise _is_part(file, format)


def _format_of_given_file(file: Path) -> str:
    refuse_not_read(file)
    if format := _format_of(file):
        return format
    for each in TABLE.values():
        if not each.single_file and each.module.is_part(file):
            raise _is_part(file, each.name)
    for each in TABLE.values():
        if file.suffix.lower() in each.suffixes:
            return each.name
    raise UserError(f"{file}: not a dataset of any known format; {_GIVE_FORMAT}")


def _is_part(file: Path, format: str) -> UserError:
    return UserError(f"{file}: is not a whole dataset of the format {format}; give the folder of the dataset")


def _datasets_in(folder: Path) -> list[tuple[str, Path]]:
    """Format and path of every dataset that a folder is or contains."""
    folders = (each for each in TABLE.values() if not each.single_file)
    found = [(each.name, folder) for each in folders if each.module.is_folder(folder)]
    for parent in (folder, folder / "annotations"):
        for file in sorted(path for path in parent.glob("*.*") if path.suffix.lower() in (".json", ".xml", ".txt")):
            if format := _format_of(file):
                found.append((format, file))
    return found


def _format_of(file: Path) -> str | None:
    """The format of a single file, from its beginning."""
    head = beginning(file)
    if is_not_read(file, head):
        return None
    return next((each.name for each in TABLE.values() if each.single_file and each.module.begins(head)), None)


def _describe(format: str, path: Path, folder: Path) -> str:
    return f"a dataset of the format {format}" if path == folder else f"{path.relative_to(folder)} ({format})"
