"""VGG Image Annotator: a project or export JSON, with `regions` in pixels for each file.

Circles, ellipses, polygons and lines become the boxes around them. Points enclose no box, so their image cannot be
used.
"""

from pathlib import Path
from typing import Any

from facedet.common.errors import UserError
from facedet.data.formats.locate import image_folders, located_photo
from facedet.data.formats.parsing import (
    MALFORMED,
    BoxAnnotation,
    Faces,
    as_list,
    box_of_ellipse,
    enclosing,
    malformed,
    numbers,
    read_json,
    xywh_to_corners,
)
from facedet.data.losses import Loss, Lost
from facedet.data.structures import BOX, Photo

_FORMAT = "a VIA JSON"
_PROJECT = "_via_img_metadata"


def begins(head: str) -> bool:
    """Whether a file with this beginning is a VIA JSON."""
    return head.startswith("{") and (f'"{_PROJECT}"' in head or ('"regions"' in head and '"filename"' in head))


def read(path: Path, images: Path | None, losses: list[Loss]) -> list[Photo]:
    """Read a VIA JSON. Raises UserError.

    The images are in `images`, or else next to the JSON or in images/. Adds each malformed file entry to `losses`.
    """
    content = read_json(path, _FORMAT)
    files = content.get(_PROJECT, content) if isinstance(content, dict) else None
    if not isinstance(files, dict):
        raise UserError(f"{path}: not {_FORMAT} (it is no table of files)")
    photos, folders = [], image_folders(path, images)
    for key, entry in files.items():
        try:
            regions = entry["regions"]
            shapes = list(regions.values()) if isinstance(regions, dict) else as_list(regions)
            photos.append(located_photo(str(entry["filename"]), folders, (0, 0), Faces.read(shapes, _face)))
        except MALFORMED as error:
            losses.append(Loss(Lost.IMAGE, path, f"{key}: {malformed(error)}"))
    return photos


def _face(region: dict[str, Any]) -> BoxAnnotation:
    shape = region["shape_attributes"]
    corners, kind = _corners(shape), shape["name"]
    return BoxAnnotation(corners, False, _class(region.get("region_attributes") or {}), BOX if kind == "rect" else kind)


def _corners(shape: dict[str, Any]) -> list[float]:
    kind = shape["name"]
    if kind == "rect":
        return xywh_to_corners([shape[key] for key in ("x", "y", "width", "height")])
    if kind in ("circle", "ellipse"):
        radii = ("r", "r") if kind == "circle" else ("rx", "ry")
        x, y, rx, ry = numbers([shape[key] for key in ("cx", "cy", *radii)])
        return box_of_ellipse(x, y, rx, ry, numbers([shape.get("theta") or 0])[0])
    if kind in ("polygon", "polyline"):
        points = zip(numbers(shape["all_points_x"]), numbers(shape["all_points_y"]), strict=True)
        return enclosing([value for point in points for value in point])
    raise ValueError(f"a {kind} is no box and encloses none")


def _class(attributes: dict[str, Any]) -> str:
    """The first attribute: a text, or the option that is set."""
    for value in attributes.values():
        if isinstance(value, dict):
            return next((str(name) for name, chosen in value.items() if chosen), "")
        return str(value)
    return ""
