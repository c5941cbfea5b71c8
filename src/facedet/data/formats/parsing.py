"""Functions shared by the formats: recognise files, parse boxes, read text and JSON."""

import codecs
import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from facedet.common.errors import UserError, first_line
from facedet.data.storage import beginning_of, opened
from facedet.data.structures import BOX, NOT_STATED, Photo

MALFORMED = (KeyError, TypeError, ValueError, AttributeError, OverflowError)  # raised by malformed JSON

ROTATED = "rotated box"  # a shape
TWICE = "it is there twice"
_YES, _NO = ("1", "true", "yes", "y"), ("", "0", "false", "no", "n", "none", "unspecified")

_HEAD = 1 << 20  # bytes read to recognise a file
_JSON_KEY = re.compile(r'"(items|images|annotations|categories)"\s*:\s*([\[{])')
_XML_ROOT = re.compile(r"<([A-Za-z_][\w.-]*)")


def beginning(file: Path) -> str:
    """The first characters of a file, enough to recognise it. Raises UserError."""
    head = beginning_of(file, _HEAD)
    return head.decode(encoding_of(head), errors="replace").lstrip()


def encoding_of(content: bytes) -> str:
    """The encoding of a text file: UTF-16 if it says so in its first bytes, as some Windows tools write, else UTF-8."""
    return "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"


def first_key(head: str) -> tuple[str, str] | None:
    """From the beginning of a JSON: the first key that belongs to annotations, and the bracket that opens its value."""
    key = _JSON_KEY.search(head) if head.startswith("{") else None
    return (key[1], key[2]) if key else None


def xml_root(head: str) -> str | None:
    """The name of the outermost element of an XML, from its beginning."""
    root = _XML_ROOT.search(head) if head.startswith("<") else None
    return root[1] if root else None


class BoxAnnotation(NamedTuple):
    """A face. corners: x1 y1 x2 y2 in pixels. name: its class. shape: what the box was made from. occlusion: as in
    `Photo`."""

    corners: list[float]
    ignored: bool
    name: str
    shape: str = BOX
    occlusion: int = NOT_STATED


@dataclass
class Faces:
    """The annotations of one image: its faces, and why others could not be read."""

    found: list[BoxAnnotation] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    @property
    def reason(self) -> str:
        """Why the annotation of the image is incomplete; empty if it is complete."""
        more = f", and {len(self.unread) - 1} more" if len(self.unread) > 1 else ""
        return f"its annotation cannot be read completely: {self.unread[0]}{more}" if self.unread else ""

    @classmethod
    def read(cls, annotations: Iterable[Any], face: Callable[[Any], BoxAnnotation | None]) -> "Faces":
        """Read each annotation. face: raises one of `MALFORMED` for one it cannot read; None for one without a face."""
        faces = cls()
        for annotation in annotations:
            try:
                one = face(annotation)
            except MALFORMED as error:
                missing = f"{first_line(error)} is missing" if isinstance(error, KeyError) else first_line(error)
                faces.unread.append(missing)
            else:
                faces.found += [one] if one else []
        return faces


def make_photo(path: Path, size: tuple[int, int], faces: Faces) -> Photo:
    """Make a photo from its annotations. size: width and height, 0 if the annotation does not state them."""
    columns = zip(*faces.found, strict=True) if faces.found else [()] * len(BoxAnnotation._fields)
    corners, ignored, names, shapes, hidden = columns
    boxes = np.array(corners, np.float64).reshape(-1, 4)
    drawn = () if all(shape == BOX for shape in shapes) else shapes
    stated = hidden if any(level != NOT_STATED for level in hidden) else ()
    return Photo(path, *size, boxes, np.array(ignored, bool), names, faces.reason, drawn, stated)


def malformed(error: Exception) -> str:
    """Why an entry that one of `MALFORMED` was raised for is lost."""
    return f"malformed ({type(error).__name__}: {first_line(error)})"


def xywh_to_corners(box: Any) -> list[float]:
    """x y w h -> x1 y1 x2 y2. Raises ValueError if they are not four finite numbers."""
    x, y, w, h = numbers(box, 4)
    return [x, y, x + w, y + h]


def numbers(values: Any, count: int | None = None) -> list[float]:
    """Finite numbers, or text that says them. count: how many; None for any. Raises ValueError."""
    try:
        parsed = [_number(value) for value in ([values] if isinstance(values, str | dict) else values)]
    except MALFORMED as error:
        raise ValueError(f"not numbers: {_short(values)}") from error
    if not all(map(math.isfinite, parsed)):
        raise ValueError(f"not finite numbers: {_short(values)}")
    if count is not None and len(parsed) != count:
        raise ValueError(f"{len(parsed)} numbers instead of {count}: {_short(values)}")
    return parsed


def _number(value: Any) -> float:
    if isinstance(value, bool) or (isinstance(value, str) and not are_plain(value)):
        raise TypeError
    return float(value)


def are_plain(text: str) -> bool:
    """Whether numbers are written as any program writes them: Python also takes 1_0 and digits of other scripts."""
    return text.isascii() and "_" not in text


def as_list(values: Any) -> list[Any]:
    """The annotations of an image, unless they are no list. Raises ValueError."""
    if not isinstance(values, list):
        raise ValueError(f"no list of annotations: {_short(values)}")
    return values


def enclosing(points: Sequence[float]) -> list[float]:
    """The box x1 y1 x2 y2 around points given as x1 y1 x2 y2 ... Raises ValueError if there are fewer than two."""
    if len(points) < 4 or len(points) % 2:
        raise ValueError(f"{len(points)} coordinates enclose no box")
    return [min(points[::2]), min(points[1::2]), max(points[::2]), max(points[1::2])]


def box_of_ellipse(x: float, y: float, rx: float, ry: float, angle: float) -> list[float]:
    """The box x1 y1 x2 y2 around an ellipse that is turned by an angle, in radians."""
    cos, sin = math.cos(angle), math.sin(angle)
    width, height = math.hypot(rx * cos, ry * sin), math.hypot(rx * sin, ry * cos)
    return [x - width, y - height, x + width, y + height]


def box_of_turned(box: Sequence[float], angle: float, about: Sequence[float] = ()) -> list[float]:
    """The box around a box x1 y1 x2 y2 turned clockwise by an angle, in radians. about: x y; else its centre."""
    x1, y1, x2, y2 = box
    return enclosing(turned([x1, y1, x2, y1, x2, y2, x1, y2], angle, about)) if angle else [x1, y1, x2, y2]


def turned(points: Sequence[float], angle: float, about: Sequence[float] = ()) -> list[float]:
    """Points x1 y1 x2 y2 ... that are turned clockwise by an angle, in radians. about: x y; else the centre of the box
    around them. Raises ValueError like `enclosing`.
    """
    x1, y1, x2, y2 = enclosing(points)
    if not angle:
        return list(points)
    x, y = about or ((x1 + x2) / 2, (y1 + y2) / 2)
    cos, sin = math.cos(angle), math.sin(angle)
    pairs = [(a - x, b - y) for a, b in zip(points[::2], points[1::2], strict=True)]
    return [side for a, b in pairs for side in (x + a * cos - b * sin, y + a * sin + b * cos)]


def rotation(attributes: Any) -> float:
    """The angle, in radians, of a shape whose attributes hold the `rotation` in degrees, as CVAT writes it into several
    formats. A word, such as frontal, is another attribute. Raises ValueError for a number that is not finite.
    """
    value = attributes.get("rotation") if isinstance(attributes, dict) else None
    try:
        degrees = float(value or 0)
    except (TypeError, ValueError):
        return 0.0
    return math.radians(numbers([degrees])[0])


def flag(value: Any) -> bool:
    """Whether a flag is set: true, 1, yes, also as text. Raises ValueError for what says neither yes nor no."""
    if value is None or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return bool(value)
    word = str(value).strip().lower()
    if word in (*_YES, *_NO):
        return word in _YES
    raise ValueError(f"'{_short(value)}' is neither true nor false")


def occlusion(value: Any) -> int:
    """The `occlusion` of a box from a flag that says whether it is occluded; a word that says neither is no error, as
    boxes are read without it."""
    try:
        stated = str(value).strip().lower() not in ("", "none", "unspecified")
        return int(flag(value)) if stated else NOT_STATED
    except ValueError:
        return NOT_STATED


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def read_text(path: Path, format: str) -> str:
    """Read UTF-8 text, with or without a byte order mark, or UTF-16. Raises UserError "not `format`" if it cannot."""
    try:
        with opened(path) as file:
            content = file.read()
        return content.decode(encoding_of(content))
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file or folder") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not {format} (it is not UTF-8; save it as UTF-8)") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not {format} ({first_line(error)})") from error
    except MemoryError as error:
        raise UserError(f"{path}: not enough memory to read it") from error


def lines_of(text: str) -> list[str]:
    """The lines of a text. Only ends of lines end them: names may have other characters that `splitlines` splits at."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def read_json(path: Path, format: str, hook: Callable[[dict[str, Any]], Any] | None = None) -> Any:
    """Read JSON. hook: what to use in place of each object. Raises UserError like `read_text`."""

    def without_doubt(pairs: list[tuple[str, Any]]) -> Any:
        content = dict(pairs)
        if len(content) < len(pairs):
            twice = next(key for k, (key, _) in enumerate(pairs) if key in dict(pairs[:k]))
            raise ValueError(f"an object has {twice!r:.60} twice")
        return hook(content) if hook else content

    text = read_text(path, format)
    try:
        return json.loads(text, object_pairs_hook=without_doubt)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not {format} ({first_line(error)})") from error
    except MemoryError as error:
        raise UserError(f"{path}: not enough memory to read it") from error
