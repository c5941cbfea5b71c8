"""Datumaro JSON: `items` with `annotations` of type bbox, x y w h in pixels. Faces with `is_crowd` are ignored."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from facedet.common.errors import UserError, first_line
from facedet.data.formats.parsing import (
    MALFORMED,
    BoxAnnotation,
    candidate_folders,
    find_image_folder,
    first_key,
    make_photo,
    read_json,
    xywh_to_corners,
)
from facedet.data.image import SUFFIXES
from facedet.data.structures import Photo

_FORMAT = "a Datumaro JSON"


def begins(head: str) -> bool:
    """Whether a file with this beginning is a Datumaro JSON."""
    name, bracket = first_key(head) or ("", "")
    return name == "items" or (name == "categories" and bracket == "{")


def read(path: Path, images: Path | None, skipped: list[str]) -> list[Photo]:
    """Read a Datumaro JSON. Raises UserError.

    The images are in `images`, or else in the images/ next to annotations/, in its subfolder with the name of the
    subset, or next to the JSON. Adds a line to `skipped` for each malformed item. A malformed box becomes a box of NaN.
    Annotations of other types are skipped.
    """
    content = read_json(path, _FORMAT)
    if not isinstance(content, dict) or not isinstance(content.get("items"), list):
        raise UserError(f'{path}: not {_FORMAT} (it has no list "items")')
    classes = _classes(path, content)
    items: dict[str, tuple[tuple[int, int], list[BoxAnnotation]]] = {}
    for k, item in enumerate(content["items"]):
        try:
            faces = [_face(a, classes) for a in item.get("annotations") or [] if a["type"] == "bbox"]
            if _name(item) in items:
                raise ValueError(f"{_name(item)} occurs twice")
            items[_name(item)] = _size(item), faces
        except MALFORMED as error:
            skipped.append(f"{path}: item {k}: malformed ({type(error).__name__}: {first_line(error)})")
    roots = [images] if images else candidate_folders(path)
    candidates = [candidate for root in roots for candidate in (root, root / path.stem)]
    folder = find_image_folder(candidates, _file_names(items))
    return [make_photo(_image_path(folder, name), size, faces) for name, (size, faces) in items.items()]


def _classes(path: Path, content: dict) -> list[str]:
    try:
        return [str(label["name"]) for label in content["categories"]["label"]["labels"]]
    except MALFORMED as error:
        raise UserError(f"{path}: not {_FORMAT} (it has no categories.label.labels with names)") from error


def _face(annotation: dict, classes: list[str]) -> BoxAnnotation:
    attributes = annotation.get("attributes") or {}
    label = annotation.get("label_id")
    name = classes[label] if isinstance(label, int) and 0 <= label < len(classes) else f"label {label}"
    crowd = str(attributes.get("is_crowd", False)).lower() in ("true", "1")
    return xywh_to_corners(annotation.get("bbox")), crowd, name


def _name(item: dict) -> str:
    """The path of the image, or else the id of the item, which is the path without suffix."""
    return str(_image_entry(item).get("path") or item["id"])


def _size(item: dict) -> tuple[int, int]:
    height, width = _image_entry(item).get("size") or (0, 0)
    return int(width), int(height)


def _image_entry(item: dict) -> dict[str, Any]:
    return item.get("image") or item.get("media") or {}


def _file_names(names: Iterable[str]) -> list[str]:
    """Each name as it is, then with every image suffix."""
    return [file_name for name in names for file_name in (name, *(name + suffix for suffix in sorted(SUFFIXES)))]


def _image_path(folder: Path, name: str) -> Path:
    """The image file of a name that may lack its suffix."""
    if Path(name).suffix.lower() in SUFFIXES:
        return folder / name
    candidates = (folder / file_name for file_name in _file_names([name]))
    return next((path for path in candidates if path.is_file()), folder / name)
