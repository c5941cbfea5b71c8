"""Datumaro JSON: `items` with `annotations` of type bbox, x y w h in pixels. Faces with `is_crowd` are ignored.

Polygons, lines, ellipses, masks, skeletons, projected cuboids and rotated boxes become the boxes around them; CVAT puts
the angle into the attributes. Points enclose no box, so their image cannot be used. Labels and captions are about the
image, and no faces.
"""

import math
from pathlib import Path
from typing import Any

from facedet.common.errors import UserError
from facedet.data.formats.locate import image_folders, located_photo
from facedet.data.formats.parsing import (
    MALFORMED,
    ROTATED,
    TWICE,
    BoxAnnotation,
    Faces,
    as_list,
    box_of_ellipse,
    box_of_turned,
    enclosing,
    first_key,
    flag,
    malformed,
    numbers,
    occlusion,
    read_json,
    rotation,
    turned,
    xywh_to_corners,
)
from facedet.data.formats.segmentation import box_of_segmentation
from facedet.data.losses import Loss, Lost
from facedet.data.structures import BOX, Photo

_FORMAT = "a Datumaro JSON"
_WITHOUT_PLACE = ("label", "caption")
_SHAPES = {"bbox": BOX, "rotated_bbox": ROTATED, "cuboid_2d": "cuboid"}
_ABSENT = [0]  # visibility of a joint of a skeleton


def begins(head: str) -> bool:
    """Whether a file with this beginning is a Datumaro JSON."""
    name, bracket = first_key(head) or ("", "")
    return name == "items" or (name == "categories" and bracket == "{")


def read(path: Path, images: Path | None, losses: list[Loss]) -> list[Photo]:
    """Read a Datumaro JSON. Raises UserError.

    The images are in `images`, or else where `image_folders` says. Adds each malformed item and each annotation without
    a place to `losses`.
    """
    content = read_json(path, _FORMAT)
    if not isinstance(content, dict) or not isinstance(content.get("items"), list):
        raise UserError(f'{path}: not {_FORMAT} (it has no list "items")')
    classes = _classes(path, content)
    items: dict[str, tuple[tuple[int, int], Faces]] = {}
    for k, item in enumerate(content["items"]):
        try:
            annotations = as_list(item["annotations"])
            name = _name(item)
            if name in items:
                items[name][1].unread.append(TWICE)
                continue
            items[name] = _size(item), Faces.read(annotations, lambda a: _face(a, classes))
            kinds = [a["type"] for a in annotations if isinstance(a, dict) and a.get("type") in _WITHOUT_PLACE]
            losses += [Loss(Lost.ANNOTATION, path, f"{name}: a {kind}") for kind in kinds]
        except MALFORMED as error:
            losses.append(Loss(Lost.IMAGE, path, f"item {k}: {malformed(error)}"))
    folders = image_folders(path, images, path.stem)
    return [located_photo(name, folders, size, faces) for name, (size, faces) in items.items()]


def _classes(path: Path, content: dict) -> list[str]:
    try:
        return [str(label["name"]) for label in content["categories"]["label"]["labels"]]
    except MALFORMED as error:
        raise UserError(f"{path}: not {_FORMAT} (it has no categories.label.labels with names)") from error


def _face(annotation: dict, classes: list[str]) -> BoxAnnotation | None:
    """The box around an annotation; None for one without a place. Raises one of `MALFORMED`."""
    kind = annotation["type"]
    if kind in _WITHOUT_PLACE:
        return None
    attributes = annotation.get("attributes") or {}
    label = annotation.get("label_id")
    name = classes[label] if isinstance(label, int) and 0 <= label < len(classes) else f"label {label}"
    angle = rotation(attributes)
    shape = _SHAPES.get(kind, kind) if kind != "bbox" or not angle else ROTATED
    ignored, hidden = flag(attributes.get("is_crowd")), occlusion(attributes.get("occluded"))
    return BoxAnnotation(_corners(kind, annotation, angle), ignored, name, shape, hidden)


def _corners(kind: str, annotation: dict, angle: float) -> list[float]:
    if kind == "bbox":
        return box_of_turned(xywh_to_corners(annotation["bbox"]), angle)
    if kind == "rotated_bbox":
        x, y, w, h, degrees = numbers(annotation["points"], 5)
        return box_of_turned([x - w / 2, y - h / 2, x + w / 2, y + h / 2], math.radians(degrees))
    if kind in ("polygon", "polyline"):
        return enclosing(turned(numbers(annotation["points"]), angle))
    if kind == "cuboid_2d":
        return enclosing([side for point in annotation["points"] for side in numbers(point, 2)])
    if kind == "ellipse":
        x1, y1, x2, y2 = numbers(annotation["points"], 4)
        return box_of_ellipse((x1 + x2) / 2, (y1 + y2) / 2, (x2 - x1) / 2, (y2 - y1) / 2, angle)
    if kind == "mask":
        return box_of_turned(box_of_segmentation(annotation["rle"]), angle)
    if kind == "skeleton":
        joints = (joint for joint in annotation["elements"] if joint.get("visibility") != _ABSENT)
        return enclosing(turned([value for joint in joints for value in numbers(joint["points"], 2)], angle))
    raise ValueError(f"an annotation of the type {kind!r} is no box and encloses none")


def _name(item: dict) -> str:
    """The path of the image, or else the id of the item, which is the path without suffix."""
    return str(_image_entry(item).get("path") or item["id"])


def _size(item: dict) -> tuple[int, int]:
    height, width = _image_entry(item).get("size") or (0, 0)
    return int(width), int(height)


def _image_entry(item: dict) -> dict[str, Any]:
    return item.get("image") or item.get("media") or {}
