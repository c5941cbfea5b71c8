"""The splits of a dataset that are folders or files of their own, by their names."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from facedet.common.errors import UserError
from facedet.data.formats.not_read import refuse_not_read
from facedet.data.storage import files_in, folders_in

Annotations = tuple[str, Path]  # format, and the path for its reader

_NAMES = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
# train, instances_train2017, wider_face_train_bbx_gt, obj_train_data
_DARKNET = "obj_"
_NAMED = re.compile(rf"(?:instances_|person_keypoints_|wider_face_|{_DARKNET})?([a-z]+)(?:\d{{4}})?(?:_bbx_gt|_data)?")


def splits_in_files(found: Sequence[Annotations]) -> dict[str, Annotations]:
    """The splits by their names, if all files of a folder have one format and are named after splits."""
    named = [(split_of(path.stem), (format, path)) for format, path in found]
    splits = {name: each for name, each in named if name}
    return splits if len(splits) == len(found) and len({format for format, _ in found}) == 1 else {}


def splits_in_folders(
    folder: Path, datasets_in: Callable[[Path], list[Annotations]], format: str | None
) -> dict[str, Annotations]:
    """The splits by their names, if folders are named after them and hold datasets.

    datasets_in: finds those of a folder. Raises UserError if then a folder remains of which nothing is read: a split
    without annotations, unless it is for tests, or another dataset.
    """
    inside = {each: [d for d in datasets_in(each) if format in (None, d[0])] for each in folders_in(folder)}
    named = [(name, each) for each in inside if (name := split_of(each.name))]
    splits: dict[str, Annotations] = {}
    alone = len(named) == 1 and named[0][1].name.startswith(_DARKNET)  # Darknet calls a dataset without splits so
    if alone or not any(inside[each] for _, each in named):
        return splits
    for name, each in named:
        if name in splits or len(inside[each]) > 1:
            raise UserError(f"{folder}: contains several datasets for '{name}'; give one of them")
        if inside[each]:
            splits[name] = inside[each][0]
        elif name != "test" and files_in(each):
            refuse_not_read(each)
            raise UserError(f"{each}: has no annotations of a known format, unlike the other splits; add them")
    others = [each.name for each in inside if inside[each] and not split_of(each.name)]
    if others:
        raise UserError(f"{folder}: contains {', '.join(splits)} and the dataset {others[0]}; give one of the folders")
    return splits


def split_of(name: str) -> str | None:
    """`train`, `val` or `test` if a folder, or a file without suffix, is named after it."""
    found = _NAMED.fullmatch(name.lower())
    return _NAMES.get(found[1]) if found else None
