"""WIDER FACE's official text file, `wider_face_*_bbx_gt.txt`. `invalid` faces are ignored.

An image is its path, the number of its faces, and for each face a line `x y w h blur expression illumination invalid
occlusion pose`. An image without faces also has one line, of zeros.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from facedet.common.errors import UserError
from facedet.data.formats.locate import searched
from facedet.data.formats.parsing import (
    TWICE,
    BoxAnnotation,
    Faces,
    are_plain,
    lines_of,
    make_photo,
    numbers,
    read_text,
    xywh_to_corners,
)
from facedet.data.image import SUFFIXES
from facedet.data.losses import Loss, Lost
from facedet.data.storage import is_file
from facedet.data.structures import NOT_STATED, OCCLUSION, Photo

_FORMAT = "a WIDER FACE text file"
_FIRST_LINES = 8192  # characters
_COLUMNS = 10
_INVALID, _OCCLUSION = 7, 8  # indices of columns


def begins(head: str) -> bool:
    """Whether a file with this beginning is one: the path of an image, then a number."""
    path, count, *_ = [*filter(None, map(str.strip, head[:_FIRST_LINES].split("\n"))), "", ""]
    return path.lower().endswith(tuple(SUFFIXES)) and count.isdecimal()


def read(path: Path, images: Path | None, losses: list[Loss]) -> list[Photo]:
    """Read an official text file. Image sizes are unknown. Raises UserError.

    The images are in `images`, or else next to the text file, in images/, or where the official archives unpack to.
    Adds each image whose number of lines differs from its count to `losses`.
    """
    lines = [line.strip() for line in lines_of(read_text(path, _FORMAT)) if line.strip()]
    suffixes = tuple(SUFFIXES)
    starts = [k for k, line in enumerate(lines) if line.lower().endswith(suffixes)]
    if not starts or starts[0]:
        raise UserError(f"{path}: not {_FORMAT} (its first line is not the path of an image)")
    names = [lines[k] for k in starts]
    folders = [images] if images else _folders(path)
    folder = _folder_of(names, folders)
    photos: dict[str, Photo] = {}
    for name, start, end in zip(names, starts, [*starts[1:], len(lines)], strict=True):
        if name in photos:
            photos[name] = replace(photos[name], unread=Faces(unread=[TWICE]).reason)
            continue
        try:
            photos[name] = searched(_photo(folder / name, _faces(lines[start + 1 : end])), folders)
        except ValueError as error:
            losses.append(Loss(Lost.IMAGE, path, f"{name}: {error}"))
    return list(photos.values())


def _folders(path: Path) -> list[Path]:
    folder, parent = path.parent, path.parent.parent
    splits = [split for split in ("train", "val") if split in path.name.lower()] or ["train", "val"]
    official = [root / f"WIDER_{split}" / "images" for split in splits for root in (parent, folder)]
    return [*official, folder, folder / "images"]


def _folder_of(names: Iterable[str], folders: Sequence[Path]) -> Path:
    """The folder of the first image of `names` that exists; the first of `folders` if none exists."""
    found = (folder for name in names for folder in folders if is_file(folder / name))
    return next(found, folders[0])


def _faces(lines: list[str]) -> list[str]:
    """The lines of the faces of one image. lines: all lines below its path. Raises ValueError."""
    if not lines or not lines[0].isdecimal():
        raise ValueError("the path is not followed by the number of faces")
    count, faces = int(lines[0]), lines[1:]
    if count == 0 and len(faces) == 1 and not any(numbers(faces[0].split())):
        return []
    if count != len(faces):
        raise ValueError(f"the number of faces is {count} but {len(faces)} lines follow")
    return faces


def _photo(path: Path, lines: list[str]) -> Photo:
    """A photo from the lines of its faces."""
    try:
        table = np.array([line.split() for line in lines], float).reshape(len(lines), _COLUMNS)
    except ValueError:
        return make_photo(path, (0, 0), Faces.read(lines, _face))
    if not np.isfinite(table).all() or not are_plain("".join(lines)):
        return make_photo(path, (0, 0), Faces.read(lines, _face))
    boxes = table[:, :4].copy()
    boxes[:, 2:] += boxes[:, :2]
    levels = table[:, _OCCLUSION]
    hidden = np.where(np.isin(levels, range(len(OCCLUSION))), levels, NOT_STATED).astype(int)
    ignored, classes = table[:, _INVALID] == 1, ("face",) * len(boxes)
    return Photo(path, 0, 0, boxes, ignored, classes, occlusion=tuple(hidden.tolist()))


def _face(line: str) -> BoxAnnotation:
    values = numbers(line.split(), _COLUMNS)
    return BoxAnnotation(xywh_to_corners(values[:4]), values[_INVALID] == 1, "face")
