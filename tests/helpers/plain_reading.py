"""What an annotation file says, read plainly: the oracle for files that were changed at random.

Each reader returns the faces of each image, x1 y1 x2 y2 in pixels and whether they are ignored; None for one that says
no box, and ... for one that may say it in another form than a box. Annotations of no image are those of "". Any error:
the file is not plain.
"""

import json
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from types import EllipsisType
from typing import Any

from helpers.formats import FACES, MARKED, SIZES

Face = tuple[float, float, float, float, bool]
Faces = list[Face | EllipsisType | None]
Reading = dict[str, Faces]
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")


def truth(format: str) -> Reading:
    """The faces that the writers of `helpers.formats` write."""
    marked = format in MARKED
    return {n: [(x, y, x + w, y + h, marked and bool(i)) for x, y, w, h, i in FACES[n]] for n in SIZES}


def read(format: str, content: bytes) -> Reading:
    """The faces that an annotation file says: for formats with a file for each image, that of a.jpg."""
    text = content if format in ("cvat", "voc") else content.decode("utf-8-sig")
    said = _READERS[format](text)
    return said if isinstance(said, dict) else truth(format) | {"a.jpg": said}


def number(value: Any) -> float:
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise ValueError(value)
    if isinstance(value, bool) or not isinstance(value, int | float | str) or not math.isfinite(float(value)):
        raise TypeError(value)
    return float(value)


class Otherwise(Exception):
    """An annotation may say a box, but in another form."""


def one(face: Callable[[Any], Face], entry: Any) -> Face | EllipsisType | None:
    try:
        return face(entry)
    except Otherwise:
        return ...
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError):
        return None


def parsed(text: str) -> Any:
    def unique(pairs: list) -> dict:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a key twice")
        return dict(pairs)

    return json.loads(text, object_pairs_hook=unique)


def image_named(name: Any) -> str:
    """The image of `SIZES` that a name means: its end, with or without suffix."""
    end = re.split(r"[/\\]", str(name))[-1]
    end = re.sub(r"^[0-9a-f]{8}-", "", end)
    return next((known for known in SIZES if end in (known, Path(known).stem)), str(name))


def flag(value: Any) -> bool:
    word = str(value).strip().lower()
    if not isinstance(value, bool | int | float | str | None):
        raise TypeError(value)
    if word in ("true", "yes", "y") or (_NUMBER.fullmatch(word) and float(word) != 0):
        return True
    if word in ("", "none", "false", "no", "n", "unspecified") or _NUMBER.fullmatch(word):
        return False
    raise ValueError(value)


def corners(x: Any, y: Any, w: Any, h: Any, ignored: Any = False) -> Face:
    x, y, w, h = map(number, (x, y, w, h))
    return x, y, x + w, y + h, flag(ignored)


def add(found: Reading, name: Any, faces: Faces) -> None:
    """Add the faces of an image; one that is there twice is in doubt, unless it is the same both times."""
    known = image_named(name)
    found[known] = [*found[known], *faces, None] if found.get(known, faces) != faces else faces


def coco(text: str) -> Reading:
    content = parsed(text)
    names = {_id(image["id"]): image_named(image["file_name"]) for image in content["images"]}
    found: Reading = {name: [] for name in names.values()} | {"": []}
    categories = {str(each["id"]) for each in content.get("categories") or []}

    def face(entry: dict) -> Face:
        if categories and "category_id" in entry and str(entry["category_id"]) not in categories:
            raise ValueError
        return corners(*entry["bbox"], flag(entry.get("iscrowd")) or flag(entry.get("ignore")))

    for entry in content["annotations"]:
        image = entry.get("image_id") if isinstance(entry, dict) else None
        name = "" if isinstance(image, bool) else names.get(_id(image), "")
        found[name].append(one(face, entry))
    return found


def _id(value: Any) -> str:
    """An id as text; 0.0 and -0.0 are 0."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def datumaro(text: str) -> Reading:
    found: Reading = {}
    for item in parsed(text)["items"]:
        faces = [one(_datumaro, each) for each in item["annotations"]]
        add(found, (item.get("image") or {}).get("path") or item["id"], faces)
    return found


def _datumaro(entry: dict) -> Face:
    if entry["type"] != "bbox" or (entry.get("attributes") or {}).get("rotation"):
        raise Otherwise
    return corners(*entry["bbox"], (entry.get("attributes") or {}).get("is_crowd"))


def labelme(text: str) -> Faces:
    return [one(_labelme, each) for each in parsed(text)["shapes"]]


def _labelme(shape: dict) -> Face:
    if shape["shape_type"] != "rectangle" or len(shape["points"]) == 4:
        raise Otherwise
    (x1, y1), (x2, y2) = ([number(side) for side in point] for point in shape["points"])
    return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2), flag(shape.get("difficult"))


def labelstudio(text: str) -> Reading:
    found: Reading = {}
    for task in parsed(text):
        (done,) = (each for each in task["annotations"] if not each.get("was_cancelled"))
        add(found, task["data"]["image"], [one(_labelstudio, each) for each in done["result"]])
    return found


def _labelstudio(result: dict) -> Face:
    value, turned = result["value"], number(result.get("image_rotation") or 0)
    if turned % 360:
        raise ValueError
    if result.get("type") != "rectanglelabels" or number(value.get("rotation") or 0):
        raise Otherwise
    sx, sy = (number(result[f"original_{side}"]) / 100 for side in ("width", "height"))
    return corners(*(number(value[k]) * s for k, s in (("x", sx), ("y", sy), ("width", sx), ("height", sy))))


def via(text: str) -> Reading:
    found: Reading = {}
    content = parsed(text)
    for entry in content.get("_via_img_metadata", content).values():
        regions = entry["regions"]
        add(
            found,
            entry["filename"],
            [one(_via, each) for each in (regions.values() if isinstance(regions, dict) else regions)],
        )
    return found


def _via(region: dict) -> Face:
    shape = region["shape_attributes"]
    if shape["name"] != "rect":
        raise ValueError
    return corners(*(shape[key] for key in ("x", "y", "width", "height")))


def voc(text: bytes) -> Faces:
    root = ET.fromstring(text)
    stray = len(root.findall(".//bndbox")) - len(root.findall("object/bndbox"))
    stray += len(root.findall(".//object")) - len(root.findall("object"))
    return [one(_voc, node) for node in root.findall("object")] + [None] * stray


def _voc(node: ET.Element) -> Face:
    (box,), flags = node.findall("bndbox"), [flag(each.text) for each in node.findall("difficult")]
    x1, y1, x2, y2 = (
        _same([number(each.text) for each in box.findall(side)]) for side in ("xmin", "ymin", "xmax", "ymax")
    )
    if node.find("attributes") is not None:
        raise Otherwise
    return x1, y1, x2, y2, bool(flags) and _same(flags)


def _same(values: list) -> Any:
    (value,) = set(values)
    return value


def cvat(text: bytes) -> Reading:
    found: Reading = {}
    root = ET.fromstring(text)
    for image in root.findall("image"):
        add(found, image.attrib["name"], [one(_cvat, shape) for shape in image if shape.tag != "tag"])
    return found


def _cvat(shape: ET.Element) -> Face:
    if shape.tag != "box" or number(shape.get("rotation") or 0):
        raise Otherwise
    x1, y1, x2, y2 = (number(shape.attrib[key]) for key in ("xtl", "ytl", "xbr", "ybr"))
    return x1, y1, x2, y2, False


def wider(text: str) -> Reading:
    lines = [line.strip() for line in re.split("[\r\n]", text) if line.strip()]
    starts = [k for k, line in enumerate(lines) if re.search(r"\.(jpg|png)$", line, re.IGNORECASE)]
    if not starts or starts[0]:
        raise ValueError
    found: Reading = {}
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        count, *rows = [*lines[start + 1 : end], ""][: max(1, end - start - 1)]
        faces = [one(_wider, row) for row in rows]
        if count.isdecimal() and int(count) == 0 and len(rows) == 1 and not any(map(number, rows[0].split())):
            faces = []
        elif not count.isdecimal() or int(count) != len(rows):
            faces.append(None)
        add(found, lines[start], faces)
    return found


def _wider(row: str) -> Face:
    x, y, w, h, _, _, _, invalid, _, _ = map(number, row.split())
    return corners(x, y, w, h, invalid == 1)


def yolo(text: str) -> Faces:
    lines = re.split("[\r\n]", text)
    return [one(_yolo, line) for line in lines if line.strip()]


def _yolo(line: str) -> Face:
    kind, x, y, w, h, *more = map(number, line.split())
    if len(more) > 2:
        raise Otherwise  # a polygon, or a box with points
    if more:
        raise ValueError
    if kind not in (0, 1) or max(map(abs, (x, y, w, h))) > 2:
        raise ValueError
    width, height = SIZES["a.jpg"]
    return (x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height, False


_READERS: dict[str, Callable[[Any], Any]] = {
    f.__name__: f for f in (coco, cvat, datumaro, labelme, labelstudio, via, voc, wider, yolo)
}
