"""What the readers of annotations share: boxes, jsons, and where the pictures lie."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from facedet.core.common.errors import UserError, first_line
from facedet.core.data.structures import Photo

MALFORMED = (KeyError, TypeError, ValueError, AttributeError, OverflowError)  # what a wrongly shaped json raises
NAN_BOX = [float("nan")] * 4

Face = tuple[list[float], bool, str]  # corners x1 y1 x2 y2 in pixels, ignored, class


def annotated_image(path: Path, size: tuple[int, int], faces: Sequence[Face]) -> Photo:
    """A picture as annotated; size: width and height, 0 where the annotation does not tell."""
    boxes = np.array([box for box, _, _ in faces], np.float64).reshape(-1, 4)
    ignored = np.array([ignored for _, ignored, _ in faces], bool)
    return Photo(path, *size, boxes, ignored, tuple(name for _, _, name in faces))


def xywh_to_corners(box: Any) -> list[float]:
    """x y w h -> x1 y1 x2 y2; NaN where it is no box."""
    try:
        x, y, w, h = (float(value) for value in box)
    except MALFORMED:
        return NAN_BOX
    return [x, y, x + w, y + h]


def read_text(path: Path, format: str) -> str:
    """A text file of UTF-8, with or without a mark at its start. Raises UserError that says it is no `format`."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file or folder") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not {format} ({first_line(error)})") from error


def read_json(path: Path, format: str) -> Any:
    """Raises UserError like `read_text`."""
    try:
        return json.loads(read_text(path, format))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not {format} ({first_line(error)})") from error


def find_image_folder(folders: Sequence[Path], names: Iterable[str]) -> Path:
    """The folder that holds the first picture found of `names`; the first of `folders` where none is found."""
    found = (folder for name in names for folder in folders if (folder / name).is_file())
    return next(found, folders[0])


def candidate_folders(file: Path) -> list[Path]:
    """Where tools put the pictures of an annotation file: beside it, in images/, or beside its annotations/."""
    beside, above = file.parent, file.parent.parent
    places = [beside, beside / "images"]
    return [*places, above / "images", above] if beside.name.lower() == "annotations" else places
