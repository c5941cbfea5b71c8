"""The usual annotations of a COCO JSON as rows of bytes: a million of them as dicts would take 1 GB."""

import math
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

_ROW = struct.Struct("<qqq?4d")
_FIELDS = np.dtype([("id", "<i8"), ("image", "<i8"), ("category", "<i8"), ("ignored", "?"), ("box", "<f8", 4)])
_IDS, _NUMBERS, _FLAGS = {int}, {int, float}, {int, bool, type(None)}


def pack(entry: dict[str, Any]) -> dict[str, Any] | bytes:
    """An annotation with whole numbers as ids and an upright box of finite numbers as a row; any other object as it is.

    The hook for the objects of the JSON, from the inside out. An image has a `file_name`, an annotation none.
    """
    box, ids = entry.get("bbox"), (entry.get("id"), entry.get("image_id"), entry.get("category_id"))
    flags = entry.get("iscrowd"), entry.get("ignore")
    if type(box) is not list or len(box) != 4 or "file_name" in entry or _may_be_turned(entry.get("attributes")):
        return entry
    if entry.get("bbox_mode") not in (None, 1) or (entry.get("segmentation") and 0 in box):
        return entry
    if not (
        _NUMBERS.issuperset(map(type, box)) and _IDS.issuperset(map(type, ids)) and _FLAGS.issuperset(map(type, flags))
    ):
        return entry
    try:
        return _ROW.pack(*ids, any(flags), *box) if math.isfinite(sum(box)) else entry
    except (OverflowError, struct.error):  # numbers that are too large
        return entry


def _may_be_turned(attributes: Any) -> bool:
    return isinstance(attributes, dict) and attributes.get("rotation") not in (None, 0)


def unpack(row: bytes) -> dict[str, Any]:
    """The annotation of a row."""
    number, image, category, ignored, *box = _ROW.unpack(row)
    return {"id": number, "image_id": image, "category_id": category, "iscrowd": ignored, "bbox": box}


def image_of(row: bytes) -> int:
    """The image id of a row."""
    return int.from_bytes(row[8:16], "little", signed=True)


def category_of(row: bytes) -> int:
    """The category id of a row."""
    return int.from_bytes(row[16:24], "little", signed=True)


def boxes_of(rows: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Corners x1 y1 x2 y2 in pixels, float64 [n, 4], ignored, bool [n], and categories of rows."""
    table = np.frombuffer(b"".join(rows), _FIELDS)
    boxes = table["box"].copy()
    boxes[:, 2:] += boxes[:, :2]
    return boxes, table["ignored"].copy(), table["category"].tolist()
