"""COCO JSON: `images`, and `annotations` with `bbox` x y w h in pixels. Faces with `iscrowd` are ignored.

A face without `bbox` gets the box around its `segmentation`: polygons, or the mask's runs in pixels, also compressed.
CVAT writes the angle of a rotated box into its attributes: it becomes the box around it.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from facedet.common.errors import UserError, first_line
from facedet.data.formats.coco_rows import boxes_of, category_of, image_of, pack, unpack
from facedet.data.formats.locate import image_folders, located_photo, subset_of
from facedet.data.formats.parsing import (
    MALFORMED,
    ROTATED,
    BoxAnnotation,
    Faces,
    box_of_turned,
    first_key,
    flag,
    numbers,
    read_json,
    rotation,
    xywh_to_corners,
)
from facedet.data.formats.segmentation import box_of_segmentation, kind_of_segmentation
from facedet.data.losses import Loss, Lost
from facedet.data.structures import BOX, Photo

_FORMAT = "a COCO JSON"
_XYXY, _XYWH = _MODES = 0, 1  # Detectron2's BoxMode


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
        by_id = {image["id"]: _file_name(image) for image in content["images"]}
        sizes = {_file_name(image): _size(image) for image in content["images"]}
        if len(by_id) != len(content["images"]):
            raise ValueError("an image id occurs twice")
        classes = _classes(content.get("categories") or [])
        annotations = _by_image(content["annotations"], _in_both_forms(by_id), path, losses)
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


def _classes(categories: Sequence[dict]) -> dict[object, str]:
    """The names of the categories by their ids. Raises ValueError if an id has two."""
    classes: dict[object, str] = {category["id"]: str(category["name"]) for category in categories}
    if len(classes) < len(categories):
        raise ValueError("a category id occurs twice")
    return _in_both_forms(classes)


def _by_image(
    entries: Sequence[dict | bytes], names: dict[object, str], path: Path, losses: list[Loss]
) -> dict[str, list[dict | bytes]]:
    """The annotations of each image by its file name. names: these by the images' ids. Adds others to `losses`."""
    annotations: dict[str, list[dict | bytes]] = defaultdict(list)
    for k, entry in enumerate(entries):
        if not isinstance(entry, bytes | dict):
            losses.append(Loss(Lost.BOX, path, f"entry {k} of the annotations is {entry!r:.60}"))
            continue
        number = image_of(entry) if isinstance(entry, bytes) else entry["image_id"]
        name = None if isinstance(number, bool) else names.get(number)  # for Python, true is 1
        if name is None:
            losses.append(Loss(Lost.BOX, path, f"annotation {_as_dict(entry).get('id')}: no image {number!r}"))
        else:
            annotations[name].append(entry)
    return annotations


def _photo(
    name: str,
    folders: Sequence[Path],
    size: tuple[int, int],
    annotations: Sequence[dict | bytes],
    classes: dict[object, str],
) -> Photo:
    rows = [each for each in annotations if isinstance(each, bytes)]
    if len(rows) < len(annotations) or (classes and any(category_of(row) not in classes for row in rows)):
        faces = Faces.read(map(_as_dict, annotations), lambda a: _face(a, classes, size))
        return located_photo(name, folders, size, faces)
    photo = located_photo(name, folders, size, Faces())
    if not rows:
        return photo
    boxes, ignored, categories = boxes_of(rows)
    names = {category: classes.get(category, f"category {category}") for category in set(categories)}
    return replace(photo, boxes=boxes, ignored=ignored, classes=tuple(names[category] for category in categories))


def _as_dict(annotation: dict | bytes) -> dict:
    return unpack(annotation) if isinstance(annotation, bytes) else annotation


def _file_name(image: dict) -> str:
    """The file of an image; LVIS states only its address."""
    return str(image["file_name"] if "file_name" in image or "coco_url" not in image else image["coco_url"])


def _in_both_forms(names: dict[Any, str]) -> dict[Any, str]:
    """The names by their ids, and by these as text or number: some converters write the other form in one place."""
    texts = {str(key): name for key, name in names.items()}
    numbers = {int(key): name for key, name in names.items() if isinstance(key, str) and key.isdecimal()}
    return texts | numbers | names


def _class_of(annotation: dict, classes: dict[object, str]) -> str:
    """The class of an annotation. Raises ValueError if the categories do not have it."""
    category = annotation.get("category_id")
    if category is None:
        return ""
    if classes and category not in classes:
        raise ValueError(f"annotation {annotation.get('id')} has the unknown category {category!r}")
    return classes.get(category, f"category {category}")


def _face(annotation: dict, classes: dict[object, str], size: tuple[int, int]) -> BoxAnnotation:
    ignored = flag(annotation.get("iscrowd")) or flag(annotation.get("ignore"))
    box, shape = annotation.get("bbox"), annotation.get("segmentation")
    if box is None and not shape:
        raise ValueError(f"annotation {annotation.get('id')} has neither a bbox nor a segmentation")
    name = _class_of(annotation, classes)
    if shape and not (box and _has_area(box)):
        if isinstance(shape, dict) and all(size) and list(shape.get("size") or ()) != [size[1], size[0]]:
            raise ValueError(f"annotation {annotation.get('id')} has a mask of another size than the image")
        return BoxAnnotation(box_of_segmentation(shape), ignored, name, kind_of_segmentation(shape))
    angle = 0 if shape else rotation(annotation.get("attributes"))  # a box around a segmentation is turned already
    return BoxAnnotation(box_of_turned(_corners(box, annotation), angle), ignored, name, ROTATED if angle else BOX)


def _corners(box: Any, annotation: dict) -> list[float]:
    """x1 y1 x2 y2; Detectron2 says in `bbox_mode` that a box has this form already."""
    mode = annotation.get("bbox_mode")
    if mode not in (None, *_MODES):
        raise ValueError(f"annotation {annotation.get('id')} has the bbox_mode {mode!r}; 0 and 1 are read")
    return numbers(box, 4) if mode == _XYXY else xywh_to_corners(box)


def _has_area(box: Any) -> bool:
    return min(numbers(box, 4)[2:]) > 0


def _size(image: dict) -> tuple[int, int]:
    return int(image.get("width") or 0), int(image.get("height") or 0)
