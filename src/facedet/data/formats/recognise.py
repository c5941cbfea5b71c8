"""Recognise the annotation format of a dataset by its content, and the splits that it has."""

import re
from collections.abc import Sequence
from pathlib import Path

from facedet.common.errors import UserError
from facedet.data.formats.not_read import is_not_read, refuse_not_read
from facedet.data.formats.parsing import beginning
from facedet.data.formats.table import FORMATS, NAMES, TABLE
from facedet.data.formats.yolo import has_train_and_val as lists_train_and_val
from facedet.data.storage import exists, files_in, folders_in, is_dir, is_file

Annotations = tuple[str, Path]  # format, and the path for its reader

_GIVE_FORMAT = f"give its format with --format: {NAMES}"
_SPLITS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
_SUBSET = re.compile(r"(?:instances_|person_keypoints_)?([a-z]+)\d*")  # train of instances_train2017


def recognise(path: Path) -> str:
    """One of `FORMATS`. Raises UserError if the format is unknown or ambiguous."""
    return find_annotations(path)[0][0]


def find_annotations(path: Path, format: str | None = None, split: str | None = None) -> list[Annotations]:
    """The annotations of a dataset: more than one if its splits are folders or files of their own.

    path: a file, a folder or a zip; in a folder that only holds another one, the dataset is in that. format: one of
    `FORMATS`; None recognises it. split: `train`, `val` or `test` of several; None takes all. Raises UserError.
    """
    if format is not None and format not in FORMATS:
        raise UserError(f"'{format}' is not a dataset format; {_GIVE_FORMAT}")
    if not exists(path):
        raise UserError(f"{path}: no such file or folder")
    if is_file(path):
        return [(_checked_format(path, format) if format else _format_of_given_file(path), path)]
    if format is not None and not TABLE[format].single_file and TABLE[format].module.is_folder(path):
        return [(format, path)]
    found = [candidate for candidate in _datasets_in(path) if format in (None, candidate[0])]
    if len(found) == 1:
        return found
    splits = _splits(path, found, format)
    if splits:
        if split and split not in splits:
            raise UserError(f"{path}: has no '{split}'; add it, or give a separate dataset")
        return [splits[split]] if split else list(splits.values())
    if found:
        first, second = (_describe(*candidate, path) for candidate in found[:2])
        raise UserError(f"{path}: contains {first} and {second}; give one of the files, or {_GIVE_FORMAT}")
    folders = folders_in(path)
    if len(folders) == 1:
        return find_annotations(folders[0], format, split)
    if format is not None and not TABLE[format].single_file:
        return [(format, path)]  # its reader says what is missing
    refuse_not_read(path)
    expected = f"the format {format}" if format else "any known format"
    raise UserError(f"{path}: not a dataset of {expected}; {_GIVE_FORMAT}")


def has_train_and_val(path: Path) -> bool:
    """Whether a dataset has both a training and a validation split: in its data.yaml, its folders or its files."""
    if lists_train_and_val(path):
        return True
    if not is_dir(path):
        return False
    found = _datasets_in(path)
    return len(found) != 1 and {"train", "val"} <= _splits(path, found, None).keys()


def _splits(folder: Path, found: Sequence[Annotations], format: str | None) -> dict[str, Annotations]:
    """The splits of a dataset: files of one format named after them, or folders. Empty if there are none.

    found: all that the folder contains itself.
    """
    if found:
        named = [(_split_of(path.stem), (each, path)) for each, path in found]
        same = len({each for each, _ in found}) == 1
    else:
        inside = ((_split_of(each.name), _datasets_in(each)) for each in folders_in(folder) if _split_of(each.name))
        named = [(name, each) for name, datasets in inside for each in datasets if format in (None, each[0])]
        same = True
    splits = {name: each for name, each in named if name}
    return splits if same and len(splits) == len(named) else {}


def _split_of(name: str) -> str | None:
    subset = _SUBSET.fullmatch(name.lower())
    return _SPLITS.get(subset[1]) if subset else None


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


def _datasets_in(folder: Path) -> list[Annotations]:
    """Format and path of every dataset that a folder is or contains."""
    folders = (each for each in TABLE.values() if not each.single_file)
    found = [(each.name, folder) for each in folders if each.module.is_folder(folder)]
    for parent in (folder, folder / "annotations"):
        for file in files_in(parent, nested=False):
            if file.suffix.lower() in (".json", ".xml", ".txt") and (format := _format_of(file)):
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
