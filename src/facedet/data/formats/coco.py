"""COCO JSON: `images`, and `annotations` with `bbox` x y w h in pixels. Faces with `iscrowd` are ignored.

A face without `bbox` gets the box around its `segmentation`: polygons, or the mask's runs in pixels, also compressed.
CVAT writes the angle of a rotated box into its attributes: it becomes the box around it.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from facedet.common.errors import UserError, first_line
from facedet.data.formats.coco_rows import boxes_of, image_of, pack, unpack
from facedet.data.formats.locate import image_folders, located_photo, subset_of
from facedet.data.formats.parsing import (
    MALFORMED,
    ROTATED,
    BoxAnnotation,
    Faces,
    box_of_turned,
    first_key,
    flag,
    read_json,
    rotation,
    xywh_to_corners,
)
from facedet.data.formats.segmentation import box_of_segmentation, kind_of_segmentation
from facedet.data.losses import Loss, Lost
from facedet.data.structures import BOX, Photo

_FORMAT = "a COCO JSON"


def begins(head: str) -> bool:
    """Whether a file with this beginning is a COCO JSON."""
    name, bracket = first_key(head) or ("", "")
    with_categories_first = name == "categories" and bracket == "[" and ('"images"' in head or '"annotations"' in head)
    return name in ("images", "annotations") or with_categories_first


def read(path: Path, images: Path | None, losses: list[Loss]) -> list[Photo]:
    """Read a COCO JSON, one photo per image file. Raises UserError.

    The images are in `images`, or else where `image_folders` says. Adds each annotation without an image, and each
    image file with several ids, to `losses`.
    """
    content = _load(path)
    try:
        by_id = {image["id"]: str(image["file_name"]) for image in content["images"]}
        sizes = {str(image["file_name"]): _size(image) for image in content["images"]}
        if len(by_id) != len(content["images"]):
            raise ValueError("an image id occurs twice")
        classes = {category["id"]: str(category["name"]) for category in content.get("categories") or []}
        annotations: dict[str, list[dict | bytes]] = defaultdict(list)
        for annotation in content["annotations"]:
            number = image_of(annotation) if isinstance(annotation, bytes) else annotation["image_id"]
            name = None if isinstance(number, bool) else by_id.get(number)  # for Python, true is 1
            if name is None:
                reason = f"annotation {_as_dict(annotation).get('id')}: no image {number!r}"
                losses.append(Loss(Lost.BOX, path, reason))
            else:
                annotations[name].append(annotation)
        folders = image_folders(path, images, subset_of(path))
        twice = {name for name, count in Counter(by_id.values()).items() if count > 1}
        merged = "is there under several ids; their faces are merged"
        losses += [Loss(Lost.ANNOTATION, path, f"{name} {merged}") for name in sorted(twice)]
        return [_photo(name, folders, size, annotations.pop(name, []), classes) for name, size in sizes.items()]
    except MALFORMED as error:
        raise UserError(f"{path}: not {_FORMAT} ({type(error).__name__}: {first_line(error)})") from error


def read_ids(path: Path) -> tuple[dict[str, int], int]:
    """Read what pycocotools needs of a COCO JSON: the id of each image by its `file_name`, and that of the first
    category. Raises UserError.
    """
    content = _load(path)
    try:
        names = {str(image["file_name"]): image["id"] for image in content["images"]}
        return names, next((category["id"] for category in content.get("categories") or []), 0)
    except MALFORMED as error:
        raise UserError(f"{path}: not {_FORMAT} ({type(error).__name__}: {first_line(error)})") from error


def _load(path: Path) -> dict[str, list]:
    content = read_json(path, _FORMAT, pack)
    if not isinstance(content, dict) or not all(isinstance(content.get(k), list) for k in ("images", "annotations")):
        raise UserError(f'{path}: not {_FORMAT} (it has no lists "images" and "annotations")')
    return content


def _photo(
    name: str,
    folders: Sequence[Path],
    size: tuple[int, int],
    annotations: Sequence[dict | bytes],
    classes: dict[object, str],
) -> Photo:
    rows = [each for each in annotations if isinstance(each, bytes)]
    if len(rows) < len(annotations):
        return located_photo(name, folders, size, Faces.read(map(_as_dict, annotations), lambda a: _face(a, classes)))
    photo = located_photo(name, folders, size, Faces())
    if not rows:
        return photo
    boxes, ignored, categories = boxes_of(rows)
    names = {category: classes.get(category, f"category {category}") for category in set(categories)}
    return replace(photo, boxes=boxes, ignored=ignored, classes=tuple(names[category] for category in categories))


def _as_dict(annotation: dict | bytes) -> dict:
    return unpack(annotation) if isinstance(annotation, bytes) else annotation


def _face(annotation: dict, classes: dict[object, str]) -> BoxAnnotation:
    ignored = flag(annotation.get("iscrowd")) or flag(annotation.get("ignore"))
    category = annotation.get("category_id")
    box, shape = annotation.get("bbox"), annotation.get("segmentation")
    if box is None and not shape:
        raise ValueError(f"annotation {annotation.get('id')} has neither a bbox nor a segmentation")
    name = classes.get(category, f"category {category}")
    if shape and not box:
        return BoxAnnotation(box_of_segmentation(shape), ignored, name, kind_of_segmentation(shape))
    angle = 0 if shape else rotation(annotation.get("attributes"))  # a box around a segmentation is turned already
    return BoxAnnotation(box_of_turned(xywh_to_corners(box), angle), ignored, name, ROTATED if angle else BOX)


def _size(image: dict) -> tuple[int, int]:
    return int(image.get("width") or 0), int(image.get("height") or 0)
