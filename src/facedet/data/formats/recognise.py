"""Recognise the annotation format of a dataset by its content."""

from collections.abc import Iterator
from pathlib import Path

from facedet.common.errors import UserError
from facedet.data.formats.not_read import is_not_read, refuse_not_read
from facedet.data.formats.parsing import beginning
from facedet.data.formats.splits import Annotations, splits_in_files, splits_in_folders
from facedet.data.formats.table import FORMATS, NAMES, TABLE
from facedet.data.formats.yolo_yaml import lists_train_and_val
from facedet.data.storage import exists, files_in, folders_in, is_file

_INSTANCES = "instances_"
# official COCO: other files of the images of instances_*.json, without boxes or with the same ones
_OF_THE_SAME_IMAGES = ("captions_", "person_keypoints_", "stuff_", "panoptic_", "image_info_")
_GIVE_FORMAT = f"give its format with --format: {NAMES}"


def recognise(path: Path) -> str:
    """One of `FORMATS`. Raises UserError if the format is unknown or ambiguous."""
    return find_annotations(path)[0][0]


def find_annotations(path: Path, format: str | None = None, split: str | None = None) -> list[Annotations]:
    """The annotations of a dataset: more than one if its splits are folders or files of their own.

    path: a file, a folder or a zip; in a folder that only holds another one, the dataset is in that. format: one of
    `FORMATS`; None recognises it. split: `train`, `val` or `test` of several; None takes all. Raises UserError.
    """
    check_given(path, format)
    if is_file(path):
        return [(_checked_format(path, format) if format else _format_of_given_file(path), path)]
    if format is not None and not TABLE[format].single_file and TABLE[format].module.is_folder(path):
        return [(format, path)]
    for folder in _and_only_folders(path):
        found, splits = _survey(folder, format)
        if splits:
            if split and split not in splits:
                raise UserError(f"{path}: has no '{split}'; add it, or give a separate dataset")
            return [splits[split]] if split else list(splits.values())
        if len(found) > 1:
            first, second = (_describe(*candidate, folder) for candidate in found[:2])
            raise UserError(f"{folder}: contains {first} and {second}; give one of the files, or {_GIVE_FORMAT}")
        if found:
            return found
    if format is not None and not TABLE[format].single_file:
        return [(format, path)]  # its reader says what is missing
    refuse_not_read(path)
    expected = f"the format {format}" if format else "any known format"
    raise UserError(f"{path}: not a dataset of {expected}; {_GIVE_FORMAT}")


def check_given(path: Path, format: str | None) -> None:
    """Raise UserError if there is nothing at the path, or the format is unknown."""
    if format is not None and format not in FORMATS:
        raise UserError(f"'{format}' is not a dataset format; {_GIVE_FORMAT}")
    if not exists(path):
        raise UserError(f"{path}: no such file or folder")


def splits_of(path: Path, format: str | None = None) -> list[str]:
    """The splits that a dataset has: `train`, `val`, `test`; in its folders, its files or its data.yaml. Raises
    UserError like `find_annotations`; empty for what is no dataset."""
    if not exists(path) or is_file(path):
        return ["train", "val"] if lists_train_and_val(path) else []
    for folder in _and_only_folders(path):
        found, splits = _survey(folder, format)
        if splits:
            return list(splits)
        if found:
            return ["train", "val"] if ("yolo", folder) in found and lists_train_and_val(folder) else []
    return []


def has_train_and_val(path: Path, format: str | None = None) -> bool:
    """Whether a dataset has both a training and a validation split."""
    return {"train", "val"} <= set(splits_of(path, format))


def _and_only_folders(folder: Path) -> Iterator[Path]:
    """A folder, and the one that is the only folder in it, and so on."""
    yield folder
    while len(inside := folders_in(folder)) == 1:
        (folder,) = inside
        yield folder


def _survey(folder: Path, format: str | None) -> tuple[list[Annotations], dict[str, Annotations]]:
    """All annotations in a folder, and its splits, by their names, if there are any. Raises UserError."""
    found = [candidate for candidate in _datasets_in(folder) if format in (None, candidate[0])]
    if not found:
        return found, splits_in_folders(folder, _datasets_in, format)
    return found, splits_in_files(found) if len(found) > 1 else {}


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
    if any(file.name.startswith(_INSTANCES) for _, file in found):
        found = [(format, file) for format, file in found if not file.name.startswith(_OF_THE_SAME_IMAGES)]
    return found


def _format_of(file: Path) -> str | None:
    """The format of a single file, from its beginning."""
    head = beginning(file)
    if is_not_read(file, head):
        return None
    return next((each.name for each in TABLE.values() if each.single_file and each.module.begins(head)), None)


def _describe(format: str, path: Path, folder: Path) -> str:
    return f"a dataset of the format {format}" if path == folder else f"{path.relative_to(folder)} ({format})"
