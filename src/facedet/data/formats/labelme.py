"""LabelMe and X-AnyLabeling: one JSON for each image, with `shapes` in pixels. `difficult` faces are ignored.

Polygons, circles, rotated rectangles and masks become the boxes around them. Points enclose no box, so their image
cannot be used.
"""

import math
from pathlib import Path
from typing import Any

from facedet.common.errors import UserError, first_line
from facedet.data.formats.locate import image_folders, locate, names_another, searched, stale_names, without_annotation
from facedet.data.formats.parsing import (
    MALFORMED,
    ROTATED,
    BoxAnnotation,
    Faces,
    as_list,
    beginning,
    enclosing,
    flag,
    make_photo,
    numbers,
    read_json,
)
from facedet.data.image import is_image_name
from facedet.data.losses import Loss, Lost
from facedet.data.storage import files_in, is_file
from facedet.data.structures import BOX, Photo

_FORMAT = "a LabelMe JSON"
_SHAPES = {"rectangle": BOX, "rotation": ROTATED}
_CORNERS = {"rectangle": (2, 4), "rotation": (4,)}  # how many points they have
_OUTLINES = ("rectangle", "rotation", "mask", "linestrip", "line", "quadrilateral")


def is_folder(folder: Path) -> bool:
    """Whether a folder, or its annotations/, has JSON files of LabelMe."""
    return any(is_part(file) for file in _files(folder))


def read(path: Path, images: Path | None, losses: list[Loss]) -> list[Photo]:
    """Read the JSON files of a folder. Raises UserError if it has none.

    An image is next to its JSON, in images/ or in `images`. Adds each malformed JSON to `losses`, and how many state
    another image than theirs. Images without a JSON are not used: LabelMe writes none for an image that nobody
    annotated.
    """
    files = _files(path)
    if not any(map(is_part, files)):
        raise UserError(f"{path}: contains no .json annotations of LabelMe")
    photos, others = [], []
    for file in files:
        try:
            photo, stated = _photo(file, images)
            photos.append(photo)
            others += [f"{file.name}: {stated}"] if names_another(stated, photo.path) else []
        except UserError as error:
            losses.append(Loss.of_error(Lost.IMAGE, file, error))
    losses += stale_names(path, others)
    used = {photo.path.with_suffix("") for photo in photos} | {file.with_suffix("") for file in files}
    there = (each for folder in {photo.path.parent for photo in photos} for each in files_in(folder, nested=False))
    unused = (each for each in there if is_image_name(each) and each.with_suffix("") not in used)
    losses += without_annotation(path, unused)
    return photos


def _files(folder: Path) -> list[Path]:
    return [file for name in ("", "annotations", "labels") for file in _json_in(folder / name)]


def _json_in(folder: Path) -> list[Path]:
    return [file for file in files_in(folder, nested=False) if file.suffix == ".json"]


def is_part(file: Path) -> bool:
    """Whether a file is the annotation of one image."""
    head = beginning(file)
    return head.startswith("{") and '"shapes"' in head


def _photo(file: Path, images: Path | None) -> tuple[Photo, str]:
    """The photo of a JSON, and the file name that it states. Raises UserError."""
    content = read_json(file, _FORMAT)
    try:
        size = int(content.get("imageWidth") or 0), int(content.get("imageHeight") or 0)
        faces = Faces.read(_without_landmarks(as_list(content["shapes"])), _face)
        name = str(content.get("imagePath") or file.stem).replace("\\", "/").rsplit("/", 1)[-1]
        folders = image_folders(file, images)
        own = locate(file.stem, folders)  # a renamed image keeps its old name in the JSON
        image = own if is_file(own) else locate(name, folders)
    except MALFORMED as error:
        raise UserError(f"{file}: not {_FORMAT} ({type(error).__name__}: {first_line(error)})") from error
    return searched(make_photo(image, size, faces), folders), name


def _without_landmarks(shapes: list[Any]) -> list[Any]:
    """The shapes without the points that are in one group with a box."""
    boxes = {s["group_id"] for s in shapes if s.get("shape_type") == "rectangle" and s.get("group_id") is not None}
    return [s for s in shapes if s.get("shape_type") != "point" or s.get("group_id") not in boxes]


def _face(shape: dict[str, Any]) -> BoxAnnotation:
    kind = shape.get("shape_type") or "polygon"
    points = [numbers(point, 2) for point in shape["points"]]
    label = str(shape.get("label") or "")
    if kind in ("circle", "ellipse") and len(points) == 2:
        (x, y), edge = points
        radius = math.dist((x, y), edge)
        box = [x - radius, y - radius, x + radius, y + radius]
    elif kind in _CORNERS and len(points) not in _CORNERS[kind]:
        raise ValueError(f"a {kind} '{label}' with {len(points)} points")
    elif kind in _OUTLINES or (kind == "polygon" and len(points) > 2):
        box = enclosing([value for point in points for value in point])
    else:
        raise ValueError(f"a {kind} '{label}' with {len(points)} points is no box and encloses none")
    return BoxAnnotation(box, flag(shape.get("difficult")), label, _SHAPES.get(kind, kind))
