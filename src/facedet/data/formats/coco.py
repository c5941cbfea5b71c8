"""COCO JSON: `images`, and `annotations` with `bbox` x y w h in pixels. Faces with `iscrowd` are ignored."""

from collections import defaultdict
from pathlib import Path

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
from facedet.data.structures import Photo

_FORMAT = "a COCO JSON"


def begins(head: str) -> bool:
    """Whether a file with this beginning is a COCO JSON."""
    name, bracket = first_key(head) or ("", "")
    return name in ("images", "annotations") or (name == "categories" and bracket == "[")


def read(path: Path, images: Path | None, skipped: list[str]) -> list[Photo]:
    """Read a COCO JSON, one photo per image file. Raises UserError.

    The images are in `images`, or else next to the JSON, in images/, or next to the annotations/ that contains the
    JSON. Adds a line to `skipped` for each annotation without an image. A malformed box becomes a box of NaN.
    """
    content = _load(path)
    try:
        by_id = {image["id"]: image["file_name"] for image in content["images"]}
        sizes = {image["file_name"]: _size(image) for image in content["images"]}
        if len(by_id) != len(content["images"]):
            raise ValueError("an image id occurs twice")
        classes = {category["id"]: str(category["name"]) for category in content.get("categories") or []}
        faces: dict[str, list[BoxAnnotation]] = defaultdict(list)
        for annotation in content["annotations"]:
            name = by_id.get(annotation["image_id"])
            if name is None:
                skipped.append(f"{path}: annotation {annotation.get('id')}: no image {annotation['image_id']!r}")
            else:
                faces[name].append(_face(annotation, classes))
        folder = images or find_image_folder(candidate_folders(path), sizes)
        return [make_photo(folder / name, size, faces[name]) for name, size in sizes.items()]
    except MALFORMED as error:
        raise UserError(f"{path}: not {_FORMAT} ({type(error).__name__}: {first_line(error)})") from error


def read_ids(path: Path) -> tuple[dict[str, int], int]:
    """Read what pycocotools needs of a COCO JSON: the id of each image by file name without folders, and that of the
    first category. Raises UserError.
    """
    content = _load(path)
    try:
        names = {Path(image["file_name"]).name: image["id"] for image in content["images"]}
        return names, next((category["id"] for category in content.get("categories") or []), 0)
    except MALFORMED as error:
        raise UserError(f"{path}: not {_FORMAT} ({type(error).__name__}: {first_line(error)})") from error


def _load(path: Path) -> dict[str, list]:
    content = read_json(path, _FORMAT)
    if not isinstance(content, dict) or not all(isinstance(content.get(k), list) for k in ("images", "annotations")):
        raise UserError(f'{path}: not {_FORMAT} (it has no lists "images" and "annotations")')
    return content


def _face(annotation: dict, classes: dict[object, str]) -> BoxAnnotation:
    ignored = bool(annotation.get("iscrowd") or annotation.get("ignore"))
    category = annotation.get("category_id")
    return xywh_to_corners(annotation.get("bbox")), ignored, classes.get(category, f"category {category}")


def _size(image: dict) -> tuple[int, int]:
    return int(image.get("width") or 0), int(image.get("height") or 0)
