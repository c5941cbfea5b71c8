"""COCO json: `images`, `annotations` with `bbox` x y w h in pixels; `iscrowd` faces are ignored ones."""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from data.errors import UserError, first_line
from data.structures import Photo


def read(path: Path, images: Path | None = None) -> Iterator[Photo]:
    """The photographs of a COCO json; pictures lie beside it or under `images`. Raises UserError."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file or folder") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not a COCO json ({first_line(error)})") from error
    if not isinstance(content, dict) or not all(isinstance(content.get(k), list) for k in ("images", "annotations")):
        raise UserError(f'{path}: not a COCO json (it has no lists "images" and "annotations")')
    folder = images or path.parent
    boxes = defaultdict(list)
    try:
        for annotation in content["annotations"]:
            boxes[annotation["image_id"]].append((annotation["bbox"], _ignored(annotation)))
        for image in content["images"]:
            yield _photo(folder, image, boxes.get(image["id"], []))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path}: not a COCO json ({type(error).__name__}: {error})") from error


def _photo(folder: Path, image: dict, faces: list) -> Photo:
    boxes = np.array([_floats(box) for box, _ in faces], np.float64).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return Photo(
        folder / image["file_name"],
        int(image.get("width") or 0),
        int(image.get("height") or 0),
        boxes,
        np.array([ignored for _, ignored in faces], bool),
    )


def _floats(box: list) -> list[float]:
    if len(box) != 4:
        raise ValueError(f"bbox {box} has not four numbers")
    return [float("nan") if value is None else float(value) for value in box]


def _ignored(annotation: dict) -> bool:
    return bool(annotation.get("iscrowd") or annotation.get("ignore"))
