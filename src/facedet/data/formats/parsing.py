"""Functions shared by the readers: parse boxes, read text and JSON, find the image folder."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from facedet.common.errors import UserError, first_line
from facedet.data.structures import Photo

MALFORMED = (KeyError, TypeError, ValueError, AttributeError, OverflowError)  # raised by malformed JSON
NAN_BOX = [float("nan")] * 4

BoxAnnotation = tuple[list[float], bool, str]  # corners x1 y1 x2 y2 in pixels, ignored, class


def make_photo(path: Path, size: tuple[int, int], faces: Sequence[BoxAnnotation]) -> Photo:
    """Make a photo from its annotations. size: width and height, 0 if the annotation does not state them."""
    boxes = np.array([box for box, _, _ in faces], np.float64).reshape(-1, 4)
    ignored = np.array([ignored for _, ignored, _ in faces], bool)
    return Photo(path, *size, boxes, ignored, tuple(name for _, _, name in faces))


def xywh_to_corners(box: Any) -> list[float]:
    """x y w h -> x1 y1 x2 y2; NaN if `box` is malformed."""
    try:
        x, y, w, h = (float(value) for value in box)
    except MALFORMED:
        return NAN_BOX
    return [x, y, x + w, y + h]


def read_text(path: Path, format: str) -> str:
    """Read UTF-8 text, with or without a byte order mark. Raises UserError "not `format`" if it cannot."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file or folder") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not {format} ({first_line(error)})") from error


def read_json(path: Path, format: str) -> Any:
    """Read JSON. Raises UserError like `read_text`."""
    try:
        return json.loads(read_text(path, format))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not {format} ({first_line(error)})") from error


def find_image_folder(folders: Sequence[Path], names: Iterable[str]) -> Path:
    """The folder of the first image of `names` that exists; the first of `folders` if none exists."""
    found = (folder for name in names for folder in folders if (folder / name).is_file())
    return next(found, folders[0])


def candidate_folders(file: Path) -> list[Path]:
    """Where tools put the images of an annotation file: next to it, in images/, or next to its annotations/."""
    folder, parent = file.parent, file.parent.parent
    candidates = [folder, folder / "images"]
    return [*candidates, parent / "images", parent] if folder.name.lower() == "annotations" else candidates
