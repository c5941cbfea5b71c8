"""CVAT for images 1.1: one XML with an <image> for each image and <box> corners in pixels.

The format cannot mark ignored faces. Shapes other than <box> are skipped.
"""

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

from facedet.common.errors import UserError, first_line
from facedet.data.formats.parsing import (
    NAN_BOX,
    BoxAnnotation,
    candidate_folders,
    find_image_folder,
    make_photo,
    xml_root,
)
from facedet.data.structures import Photo

_FORMAT = "a CVAT for images 1.1 XML"
_SIDES = ("xtl", "ytl", "xbr", "ybr")


def begins(head: str) -> bool:
    """Whether a file with this beginning is a CVAT XML."""
    return xml_root(head) == "annotations"


def read(path: Path, images: Path | None, skipped: list[str]) -> list[Photo]:
    """Read a CVAT XML. Raises UserError.

    The images are in `images`, or else next to the XML, in images/, or next to the annotations/ that contains the XML.
    Adds a line to `skipped` for each malformed <image>. A malformed box becomes a box of NaN. A rotated box becomes the
    axis-aligned box around it.
    """
    found: dict[str, tuple[tuple[int, int], list[BoxAnnotation]]] = {}
    try:
        for node in _images(path):
            try:
                size = int(node.get("width") or 0), int(node.get("height") or 0)
                if node.attrib["name"] in found:
                    raise ValueError(f"{node.attrib['name']} occurs twice")
                found[node.attrib["name"]] = size, [_face(box) for box in node.iter("box")]
            except (KeyError, ValueError) as error:
                skipped.append(f"{path}: image {node.get('id')}: malformed ({type(error).__name__}: {error})")
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file or folder") from error
    except (ET.ParseError, OSError, LookupError, ValueError) as error:
        raise UserError(f"{path}: not {_FORMAT} ({first_line(error)})") from error
    folder = images or find_image_folder(candidate_folders(path), found)
    return [make_photo(folder / name, size, faces) for name, (size, faces) in found.items()]


def _images(path: Path) -> Iterator[ET.Element]:
    """The <image> elements. Each one is cleared before the next one is read, to save memory."""
    events = ET.iterparse(path, events=("start", "end"))
    _, root = next(events)
    if root.tag != "annotations":
        raise ValueError(f"its root is <{root.tag}>, not <annotations>")
    for event, node in events:
        if event == "end" and node.tag == "image":
            yield node
            root.clear()
        elif node.tag == "track":
            raise ValueError("it is CVAT for video; export the task as CVAT for images 1.1")


def _face(box: ET.Element) -> BoxAnnotation:
    try:
        x1, y1, x2, y2 = (float(box.attrib[side]) for side in _SIDES)
        angle = math.radians(float(box.get("rotation") or 0))
    except (KeyError, ValueError):
        return NAN_BOX, False, box.get("label", "")
    if angle and math.isfinite(angle):
        x, y, w, h = (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1
        half = [(abs(a * math.cos(angle)) + abs(b * math.sin(angle))) / 2 for a, b in ((w, h), (h, w))]
        x1, y1, x2, y2 = x - half[0], y - half[1], x + half[0], y + half[1]
    return [x1, y1, x2, y2], False, box.get("label", "")
