"""COCO json: `images`, `annotations` with `bbox` x y w h in pixels; `iscrowd` faces are ignored ones."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import UserError, first_line
from data.structures import Photo

_MALFORMED = (KeyError, TypeError, ValueError, AttributeError, OverflowError)


def read(path: Path, images: Path | None, skipped: list[str]) -> list[Photo]:
    """The photographs of a COCO json, one a file; pictures lie beside it or under `images`. Raises UserError.

    Adds a line to `skipped` for each annotation of no image; a malformed box becomes one of NaN.
    """
    content = _load(path)
    try:
        by_id = {image["id"]: image["file_name"] for image in content["images"]}
        sizes = {image["file_name"]: _size(image) for image in content["images"]}
        if len(by_id) != len(content["images"]):
            raise ValueError("an image id stands twice")
        faces: dict[str, list[tuple]] = defaultdict(list)
        for annotation in content["annotations"]:
            name = by_id.get(annotation["image_id"])
            if name is None:
                skipped.append(f"{path}: annotation {annotation.get('id')}: no image {annotation['image_id']!r}")
            else:
                faces[name].append((_corners(annotation.get("bbox")), _ignored(annotation)))
        return [_photo((images or path.parent) / name, size, faces[name]) for name, size in sizes.items()]
    except _MALFORMED as error:
        raise UserError(f"{path}: not a COCO json ({type(error).__name__}: {first_line(error)})") from error


def _load(path: Path) -> dict[str, list]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file or folder") from error
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: not a COCO json ({first_line(error)})") from error
    if not isinstance(content, dict) or not all(isinstance(content.get(k), list) for k in ("images", "annotations")):
        raise UserError(f'{path}: not a COCO json (it has no lists "images" and "annotations")')
    return content


def _photo(path: Path, size: tuple[int, int], faces: list[tuple]) -> Photo:
    boxes = np.array([box for box, _ in faces], np.float64).reshape(-1, 4)
    return Photo(path, *size, boxes, np.array([ignored for _, ignored in faces], bool))


def _size(image: dict) -> tuple[int, int]:
    return int(image.get("width") or 0), int(image.get("height") or 0)


def _corners(box: Any) -> list[float]:
    try:
        x, y, w, h = (float(value) for value in box)
    except _MALFORMED:
        return [float("nan")] * 4
    return [x, y, x + w, y + h]


def _ignored(annotation: dict) -> bool:
    return bool(annotation.get("iscrowd") or annotation.get("ignore"))
