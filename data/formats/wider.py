"""WIDER FACE's official text, `wider_face_*_bbx_gt.txt`; `invalid` faces are ignored ones.

A picture is its path, the number of its faces, and a line `x y w h blur expression illumination invalid occlusion
pose` for each. A picture without faces has a line of zeros all the same.
"""

from pathlib import Path

import numpy as np

from facedet.core.common.errors import UserError
from facedet.core.data.formats.parsing import find_image_folder, read_text
from facedet.core.data.image import SUFFIXES
from facedet.core.data.structures import Photo

_FORM = "WIDER FACE's text"
_VALUES = 10
_INVALID = 7  # column


def read(path: Path, images: Path | None, skipped: list[str]) -> list[Photo]:
    """The photographs of an official text; sizes are unknown. Raises UserError.

    Pictures lie under `images`, or else beside the text, in images/, or where the official archives unpack to. Adds a
    line to `skipped` for each picture whose lines do not fit its count; a malformed line becomes a box of NaN.
    """
    lines = [line.strip() for line in read_text(path, _FORM).splitlines() if line.strip()]
    suffixes = tuple(SUFFIXES)
    starts = [k for k, line in enumerate(lines) if line.lower().endswith(suffixes)]
    if not starts or starts[0]:
        raise UserError(f"{path}: not {_FORM} (its first line is no path of a picture)")
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
    beside, above = path.parent, path.parent.parent
    splits = [split for split in ("train", "val") if split in path.name.lower()] or ["train", "val"]
    official = [root / f"WIDER_{split}" / "images" for split in splits for root in (above, beside)]
    return [*official, beside, beside / "images"]


def _faces(lines: list[str]) -> list[str]:
    """The lines of an entry's faces; lines: all of the entry below its path. Raises ValueError."""
    if not lines or not lines[0].isdecimal():
        raise ValueError("no count of faces follows the path")
    count, faces = int(lines[0]), lines[1:]
    if count == 0 and len(faces) == 1 and not faces[0].strip("0. "):
        return []
    if count != len(faces):
        raise ValueError(f"{len(faces)} lines of faces follow where {count} are counted")
    return faces


def _boxes(lines: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Corners [n, 4] and ignored [n]."""
    try:
        table = np.array([line.split() for line in lines], float).reshape(len(lines), _VALUES)
    except ValueError:
        table = np.array([_values(line) for line in lines]).reshape(len(lines), _VALUES)
    boxes = table[:, :4].copy()
    boxes[:, 2:] += boxes[:, :2]
    return boxes, table[:, _INVALID] == 1


def _values(line: str) -> list[float]:
    """The ten values of a face; NaN where they are none."""
    try:
        values = [float(word) for word in line.split()]
    except ValueError:
        values = []
    return values if len(values) == _VALUES else [float("nan")] * _VALUES
