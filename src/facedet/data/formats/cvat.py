"""CVAT for images 1.1: one XML with an <image> for each image and <box> corners in pixels.

The format cannot mark ignored faces. Polygons, lines, ellipses, masks, skeletons and rotated boxes become the boxes
around them. Points enclose no box, so their image cannot be used. A <tag> is about the image, and no face.
"""

import math
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path

from facedet.common.errors import UserError, first_line
from facedet.data.formats.locate import image_folders, located_photo
from facedet.data.formats.parsing import (
    ROTATED,
    TWICE,
    BoxAnnotation,
    Faces,
    box_of_ellipse,
    box_of_turned,
    enclosing,
    numbers,
    occlusion,
    xml_root,
    xywh_to_corners,
)
from facedet.data.losses import Loss, Lost
from facedet.data.storage import opened
from facedet.data.structures import BOX, Photo

_FORMAT = "a CVAT for images 1.1 XML"
_ABOUT_THE_FILE = ("version", "meta")


def begins(head: str) -> bool:
    """Whether a file with this beginning is a CVAT XML."""
    return xml_root(head) == "annotations"


def read(path: Path, images: Path | None, losses: list[Loss]) -> list[Photo]:
    """Read a CVAT XML. Raises UserError.

    The images are in `images`, or else where `image_folders` says; names of a video's images have no suffix.
    Adds each malformed <image> and each tag to `losses`.
    """
    found: dict[tuple[str, str], tuple[tuple[int, int], Faces]] = {}
    try:
        for node in _images(path):
            try:
                size = int(node.get("width") or 0), int(node.get("height") or 0)
                key = node.get("subset", ""), (name := node.attrib["name"])
                if key in found:
                    found[key][1].unread.append(TWICE)
                    continue
                found[key] = size, Faces.read(node, _face)
                losses += [Loss(Lost.ANNOTATION, path, f"{name}: a tag") for _ in node.iter("tag")]
            except (KeyError, ValueError) as error:
                reason = f"image {node.get('name') or node.get('id')}: malformed ({type(error).__name__}: {error})"
                losses.append(Loss(Lost.IMAGE, path, reason))
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file or folder") from error
    except (ET.ParseError, OSError, LookupError, ValueError) as error:
        raise UserError(f"{path}: not {_FORMAT} ({first_line(error)})") from error
    return [
        located_photo(name, image_folders(path, images, subset), size, faces)
        for (subset, name), (size, faces) in found.items()
    ]


def _images(path: Path) -> Iterator[ET.Element]:
    """The <image> elements. Each one is cleared before the next one is read, to save memory."""
    with opened(path) as file:
        events = ET.iterparse(file, events=("start", "end"))
        _, root = next(events)
        if root.tag != "annotations":
            raise ValueError(f"its root is <{root.tag}>, not <annotations>")
        depth = 1
        for event, node in events:
            depth += 1 if event == "start" else -1
            if event != "end" or depth != 1 or node.tag in _ABOUT_THE_FILE:
                continue
            if node.tag == "track":
                raise ValueError("it is CVAT for video; export the task as CVAT for images 1.1")
            if node.tag != "image":
                raise ValueError(f"it has a <{node.tag}> where an <image> is expected")
            yield node
            root.clear()


def _face(shape: ET.Element) -> BoxAnnotation | None:
    """The box around a shape; None for a tag. Raises KeyError or ValueError."""
    if shape.tag == "tag":
        return None
    if shape.tag not in _BOXES:
        raise ValueError(f"<{shape.tag}> '{shape.get('label', '')}' is no box and encloses none")
    kind = ROTATED if shape.tag == BOX and _angle(shape) else shape.tag
    hidden = occlusion(shape.get("occluded"))
    return BoxAnnotation(_BOXES[shape.tag](shape), False, shape.get("label", ""), kind, hidden)


def _box(shape: ET.Element) -> list[float]:
    return box_of_turned(_values(shape, "xtl", "ytl", "xbr", "ybr"), _angle(shape))


def _ellipse(shape: ET.Element) -> list[float]:
    x, y, rx, ry = _values(shape, "cx", "cy", "rx", "ry")
    return box_of_ellipse(x, y, rx, ry, _angle(shape))


def _mask(shape: ET.Element) -> list[float]:
    left, top, width, height = _values(shape, "left", "top", "width", "height")
    runs = numbers(shape.get("rle", f"0, {width * height:g}").split(","))  # of pixels outside and inside, by turns
    if min(runs) < 0 or sum(runs) != width * height:
        raise ValueError(f"<mask> '{shape.get('label', '')}' does not have {width:g}x{height:g} pixels")
    return xywh_to_corners([left, top, width, height] if any(runs[1::2]) else [left, top, 0, 0])


def _points(shape: ET.Element) -> list[float]:
    return enclosing(_coordinates(shape))


def _skeleton(shape: ET.Element) -> list[float]:
    joints = (joint for joint in shape.iter("points") if joint.get("outside") != "1")
    return enclosing([value for joint in joints for value in _coordinates(joint)])


def _coordinates(shape: ET.Element) -> list[float]:
    return numbers(shape.attrib["points"].replace(";", ",").split(","))


_BOXES: dict[str, Callable[[ET.Element], list[float]]] = {
    "box": _box,
    "ellipse": _ellipse,
    "mask": _mask,
    "polygon": _points,
    "polyline": _points,
    "skeleton": _skeleton,
}


def _values(shape: ET.Element, *names: str) -> list[float]:
    return numbers([shape.attrib[name] for name in names])


def _angle(shape: ET.Element) -> float:
    return math.radians(numbers([shape.get("rotation") or 0])[0])
