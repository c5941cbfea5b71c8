"""Datumaro json: `items` with `annotations` of type bbox, x y w h in pixels; `is_crowd` faces are ignored ones."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from facedet.core.common.errors import UserError, first_line
from facedet.core.data.formats.parsing import (
    MALFORMED,
    Face,
    annotated_image,
    candidate_folders,
    find_image_folder,
    read_json,
    xywh_to_corners,
)
from facedet.core.data.image import SUFFIXES
from facedet.core.data.structures import Photo

_FORM = "a Datumaro json"


def read(path: Path, images: Path | None, skipped: list[str]) -> list[Photo]:
    """The photographs of a Datumaro json. Raises UserError.

    Pictures lie under `images`, or else in the images/ beside annotations/, in its folder of the subset's name, or
    beside the json. Adds a line to `skipped` for each item that is none; a malformed box becomes one of NaN, and
    annotations of other types are passed over.
    """
    content = read_json(path, _FORM)
    if not isinstance(content, dict) or not isinstance(content.get("items"), list):
        raise UserError(f'{path}: not {_FORM} (it has no list "items")')
    classes = _classes(path, content)
    items: dict[str, tuple[tuple[int, int], list[Face]]] = {}
    for k, item in enumerate(content["items"]):
        try:
            faces = [_face(a, classes) for a in item.get("annotations") or [] if a["type"] == "bbox"]
            if _name(item) in items:
                raise ValueError(f"{_name(item)} is there twice")
            items[_name(item)] = _size(item), faces
        except MALFORMED as error:
            skipped.append(f"{path}: item {k}: malformed ({type(error).__name__}: {first_line(error)})")
    within = [images] if images else candidate_folders(path)
    folders = [place for folder in within for place in (folder, folder / path.stem)]
    folder = find_image_folder(folders, _guesses(items))
    return [annotated_image(_picture(folder, name), size, faces) for name, (size, faces) in items.items()]


def _classes(path: Path, content: dict) -> list[str]:
    try:
        return [str(label["name"]) for label in content["categories"]["label"]["labels"]]
    except MALFORMED as error:
        raise UserError(f"{path}: not {_FORM} (it has no categories.label.labels with names)") from error


def _face(annotation: dict, classes: list[str]) -> Face:
    attributes = annotation.get("attributes") or {}
    label = annotation.get("label_id")
    name = classes[label] if isinstance(label, int) and 0 <= label < len(classes) else f"label {label}"
    crowd = str(attributes.get("is_crowd", False)).lower() in ("true", "1")
    return xywh_to_corners(annotation.get("bbox")), crowd, name


def _name(item: dict) -> str:
    """The picture's path, or the item's id where only that is known: it is the path without suffix."""
    return str(_medium(item).get("path") or item["id"])


def _size(item: dict) -> tuple[int, int]:
    height, width = _medium(item).get("size") or (0, 0)
    return int(width), int(height)


def _medium(item: dict) -> dict[str, Any]:
    return item.get("image") or item.get("media") or {}


def _guesses(names: Iterable[str]) -> list[str]:
    return [guess for name in names for guess in (name, *(name + suffix for suffix in sorted(SUFFIXES)))]


def _picture(folder: Path, name: str) -> Path:
    """The picture of that name; where it has no suffix, the file that has one."""
    if Path(name).suffix.lower() in SUFFIXES:
        return folder / name
    return next((folder / guess for guess in _guesses([name]) if (folder / guess).is_file()), folder / name)
