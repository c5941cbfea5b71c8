"""Label Studio's JSON and JSON-MIN: a list of tasks, with shapes in per cent of the image.

Polygons, ellipses and rotated rectangles become the boxes around them. Points and brushes give no box, so their image
cannot be used. A task without an annotation is an image that nobody annotated, not one without faces.
"""

import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from facedet.common.errors import UserError, first_line
from facedet.data.formats.locate import image_folders, locate
from facedet.data.formats.parsing import MALFORMED, BoxAnnotation, Faces, enclosing, make_photo, numbers, read_json
from facedet.data.losses import Loss, Lost
from facedet.data.structures import Photo

_FORMAT = "a Label Studio JSON"
_UPLOADED = re.compile(r"[0-9a-f]{8}-")  # before the name of an uploaded file
_ABOUT_THE_IMAGE = ("choices", "rating", "textarea", "taxonomy")


def begins(head: str) -> bool:
    """Whether a file with this beginning is a Label Studio JSON."""
    tasks = '"annotations"' in head and '"data"' in head
    return head.startswith("[") and (tasks or '"annotation_id"' in head or '"annotator"' in head)


def read(path: Path, images: Path | None, losses: list[Loss]) -> list[Photo]:
    """Read the tasks of a JSON. Raises UserError.

    The images are in `images`, or else next to the JSON or in images/; the unique prefix of an uploaded image may be
    missing in the name of its file. Adds each task that is malformed or not annotated to `losses`.
    """
    tasks = read_json(path, _FORMAT)
    if not isinstance(tasks, list):
        raise UserError(f"{path}: not {_FORMAT} (it is no list of tasks)")
    folders, photos = image_folders(path, images), []
    for k, task in enumerate(tasks):
        try:
            name, results = _image(task), _results(task)
            about = [r for r in results if r.get("type") in _ABOUT_THE_IMAGE]
            losses += [Loss(Lost.ANNOTATION, path, f"{name}: {each['type']}") for each in about]
            shapes = [r for r in results if r not in about]
            photos.append(make_photo(_find(name, folders), _size(shapes), Faces.read(shapes, _face)))
        except MALFORMED as error:
            reason = first_line(error) if type(error) is ValueError else f"malformed ({type(error).__name__}: {error})"
            losses.append(Loss(Lost.IMAGE, path, f"task {task.get('id', k) if isinstance(task, dict) else k}: {reason}"))
    return photos


def _image(task: dict[str, Any]) -> str:
    """The name of a task's image: the first text in its data that names a file."""
    data = task.get("data", task)
    names = [str(data[key]) for key in ("image", "img", "photo") if data.get(key)]
    names += [value for value in data.values() if isinstance(value, str) and "." in value]
    if not names:
        raise ValueError("names no image")
    return names[0]


def _results(task: dict[str, Any]) -> list[dict[str, Any]]:
    """The shapes of a task, in the form of the JSON. Raises ValueError if it is not annotated, or several times."""
    if "data" not in task:  # JSON-MIN
        found = [r for value in task.values() if isinstance(value, list) for r in value if isinstance(r, dict)]
        return [{"value": r, **{key: r.get(key) for key in ("original_width", "original_height")}} for r in found]
    done = [each for each in task["annotations"] if not each.get("was_cancelled")]
    if not done:
        raise ValueError("is not annotated")
    if len(done) > 1:
        raise ValueError(f"has {len(done)} annotations; export one for each task")
    return [result for result in done[0]["result"] if result.get("type") != "relation"]


def _size(results: Iterable[dict[str, Any]]) -> tuple[int, int]:
    first = next(iter(results), {})
    return int(first.get("original_width") or 0), int(first.get("original_height") or 0)


def _find(name: str, folders: list[Path]) -> Path:
    found = locate(name, folders)
    folder, _, file = name.rpartition("/")
    if not found.is_file() and _UPLOADED.match(file):
        return locate(f"{folder}/{file[9:]}" if folder else file[9:], folders)
    return found


def _face(result: dict[str, Any]) -> BoxAnnotation:
    value, (width, height) = result["value"], numbers((result["original_width"], result["original_height"]))
    labels = next((v for key, v in value.items() if key.endswith("labels") and isinstance(v, list)), [])
    return _corners(value, width / 100, height / 100), False, str(labels[0]) if labels else ""


def _corners(value: dict[str, Any], sx: float, sy: float) -> list[float]:
    """The box in pixels around a shape in per cent. sx, sy: pixels of one per cent."""
    angle = math.radians(numbers([value.get("rotation") or 0])[0])
    cos, sin = math.cos(angle), math.sin(angle)
    if "radiusX" in value:
        x, y, rx, ry = numbers([value[key] for key in ("x", "y", "radiusX", "radiusY")])
        half = math.hypot(rx * sx * cos, ry * sy * sin), math.hypot(rx * sx * sin, ry * sy * cos)
        return [x * sx - half[0], y * sy - half[1], x * sx + half[0], y * sy + half[1]]
    if "points" in value:
        points = [numbers(point, 2) for point in value["points"]]
        return enclosing([side for x, y in points for side in (x * sx, y * sy)])
    if not {"x", "y", "width", "height"} <= value.keys() or "keypointlabels" in value:
        raise ValueError(f"a shape with {', '.join(sorted(value)) or 'nothing'} is no box and encloses none")
    x, y, w, h = numbers([value[key] for key in ("x", "y", "width", "height")])
    corner, size = (x * sx, y * sy), (w * sx, h * sy)  # turned about its upper left corner
    corners = [(corner[0] + a * cos - b * sin, corner[1] + a * sin + b * cos) for a in (0, size[0]) for b in (0, size[1])]
    return enclosing([side for point in corners for side in point])
