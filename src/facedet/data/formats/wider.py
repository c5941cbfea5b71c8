"""WIDER FACE's official text file, `wider_face_*_bbx_gt.txt`. `invalid` faces are ignored.

An image is its path, the number of its faces, and for each face a line `x y w h blur expression illumination invalid
occlusion pose`. An image without faces also has one line, of zeros.
"""

from pathlib import Path

import numpy as np

from facedet.common.errors import UserError
from facedet.data.formats.parsing import find_image_folder, read_text
from facedet.data.image import SUFFIXES
from facedet.data.structures import Photo

_FORMAT = "a WIDER FACE text file"
_COLUMNS = 10
_INVALID = 7  # index of the column


def begins(head: str) -> bool:
    """Whether a file with this beginning is one: the path of an image, then a number."""
    path, count, *_ = [*map(str.strip, head.split("\n", 2)), "", ""]
    return path.lower().endswith(tuple(SUFFIXES)) and count.isdecimal()


def read(path: Path, images: Path | None, skipped: list[str]) -> list[Photo]:
    """Read an official text file. Image sizes are unknown. Raises UserError.

    The images are in `images`, or else next to the text file, in images/, or where the official archives unpack to.
    Adds a line to `skipped` for each image whose number of lines differs from its count. A malformed line becomes a box
    of NaN.
    """
    lines = [line.strip() for line in read_text(path, _FORMAT).splitlines() if line.strip()]
    suffixes = tuple(SUFFIXES)
    starts = [k for k, line in enumerate(lines) if line.lower().endswith(suffixes)]
    if not starts or starts[0]:
        raise UserError(f"{path}: not {_FORMAT} (its first line is not the path of an image)")
    names = [lines[k] for k in starts]
    folder = images or find_image_folder(_folders(path), names)
    photos = []
    for name, start, end in zip(names, starts, [*starts[1:], len(lines)], strict=True):
        try:
            faces = _faces(lines[start + 1 : end])
        except ValueError as error:
            skipped.append(f"{path}: {name}: {error}")
        else:
            boxes, ignored = _boxes(faces)
            photos.append(Photo(folder / name, 0, 0, boxes, ignored, ("face",) * len(boxes)))
    return photos


def _folders(path: Path) -> list[Path]:
    folder, parent = path.parent, path.parent.parent
    splits = [split for split in ("train", "val") if split in path.name.lower()] or ["train", "val"]
    official = [root / f"WIDER_{split}" / "images" for split in splits for root in (parent, folder)]
    return [*official, folder, folder / "images"]


def _faces(lines: list[str]) -> list[str]:
    """The lines of the faces of one image. lines: all lines below its path. Raises ValueError."""
    if not lines or not lines[0].isdecimal():
        raise ValueError("the path is not followed by the number of faces")
    count, faces = int(lines[0]), lines[1:]
    if count == 0 and len(faces) == 1 and not faces[0].strip("0. "):
        return []
    if count != len(faces):
        raise ValueError(f"the number of faces is {count} but {len(faces)} lines follow")
    return faces


def _boxes(lines: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Corners [n, 4] and ignored [n]."""
    try:
        table = np.array([line.split() for line in lines], float).reshape(len(lines), _COLUMNS)
    except ValueError:
        table = np.array([_values(line) for line in lines]).reshape(len(lines), _COLUMNS)
    boxes = table[:, :4].copy()
    boxes[:, 2:] += boxes[:, :2]
    return boxes, table[:, _INVALID] == 1


def _values(line: str) -> list[float]:
    """The ten values of a face, all NaN if the line is malformed."""
    try:
        values = [float(word) for word in line.split()]
    except ValueError:
        values = []
    return values if len(values) == _COLUMNS else [float("nan")] * _COLUMNS
