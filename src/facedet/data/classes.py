"""The classes of a dataset: which of them count as faces."""

import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np

from facedet.common.errors import UserError, one_line
from facedet.data.structures import Photo

ALL = "all"  # for every class, in place of names
_FACE = re.compile(r"(human[ _-]?)?faces?", re.IGNORECASE)


def only_classes(photo: Photo, classes: Sequence[str]) -> Photo:
    """The photo with the boxes of these classes only; as it is without any, or with `all`."""
    if not classes or ALL in classes or not photo.classes:
        return photo
    return photo.only(np.array([name in classes for name in photo.classes], bool))


def check_classes(chosen: Sequence[str], found: Collection[str], where: Path) -> None:
    """Raise UserError for a chosen class that is not found, or if one of several is called face and none is chosen."""
    there = ", ".join(sorted(name or "(without a name)" for name in found)) or "none"
    if chosen and ALL not in chosen:
        for name in chosen:
            if name not in found:
                raise UserError(f"{where}: has no class '{name}'; give --classes some of: {there}")
    elif not chosen and len(found) > 1 and any(_FACE.fullmatch(name) for name in found):
        raise UserError(
            f"{where}: has the classes {there}, and only some of them are called face; say which are faces with "
            f"--classes {','.join(sorted(name for name in found if _FACE.fullmatch(name)))}, or --classes {ALL}"
        )


def describe_classes(photos: Iterable[Photo]) -> str:
    """ "3 classes count as faces: a, b, c"; empty if the photos have only one."""
    names = sorted({name for photo in photos for name in photo.classes})
    return one_line(f"{len(names)} classes count as faces: {', '.join(names)}") if len(names) > 1 else ""
