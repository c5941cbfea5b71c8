"""Functions shared by the formats: recognise files, parse boxes, read text and JSON, find the image folder."""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from facedet.common.errors import UserError, first_line
from facedet.data.structures import Photo

MALFORMED = (KeyError, TypeError, ValueError, AttributeError, OverflowError)  # raised by malformed JSON
NAN_BOX = [float("nan")] * 4

BoxAnnotation = tuple[list[float], bool, str]  # corners x1 y1 x2 y2 in pixels, ignored, class

_HEAD = 1 << 20  # characters read to recognise a file
_JSON_KEY = re.compile(r'"(items|images|annotations|categories)"\s*:\s*([\[{])')
_XML_ROOT = re.compile(r"<([A-Za-z_][\w.-]*)")


def beginning(file: Path) -> str:
    """The first characters of a file, enough to recognise it."""
    with file.open(encoding="utf-8-sig", errors="replace") as stream:
        return stream.read(_HEAD).lstrip()


def first_key(head: str) -> tuple[str, str] | None:
    """From the beginning of a JSON: the first key that belongs to annotations, and the bracket that opens its value."""
    key = _JSON_KEY.search(head) if head.startswith("{") else None
    return (key[1], key[2]) if key else None


def xml_root(head: str) -> str | None:
    """The name of the outermost element of an XML, from its beginning."""
    root = _XML_ROOT.search(head) if head.startswith("<") else None
    return root[1] if root else None


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
