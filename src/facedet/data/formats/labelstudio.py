"""Label Studio's JSON and JSON-MIN: a list of tasks, with shapes in per cent of the image.

Polygons, ellipses and rotated rectangles become the boxes around them. Points and brushes give no box, so their image
cannot be used. A task without an annotation is an image that nobody annotated, not one without faces. Neither can an
image be used that was shown turned: the first versions of Label Studio turned the shapes with it, later ones do not.
"""

import math
import mimetypes
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from facedet.common.errors import UserError, first_line
from facedet.data.formats.locate import image_folders, locate, searched
from facedet.data.formats.parsing import (
    MALFORMED,
    ROTATED,
    BoxAnnotation,
    Faces,
    as_list,
    box_of_ellipse,
    box_of_turned,
    enclosing,
    make_photo,
    malformed,
    numbers,
    read_json,
)
from facedet.data.image import is_image_name
from facedet.data.losses import Loss, Lost
from facedet.data.storage import is_file
from facedet.data.structures import BOX, Photo

_FORMAT = "a Label Studio JSON"
_UPLOADED = re.compile(r"[0-9a-f]{8}-")  # before the name of an uploaded file
_SHAPES = ("rectangle", "ellipse", "polygon")
_ABOUT_THE_IMAGE = ("choices", "rating", "textarea", "taxonomy", "number", "datetime", "pairwise", "ranker")


def begins(head: str) -> bool:
    """Whether a file with this beginning is a Label Studio JSON."""
    tasks = ('"annotations"' in head or '"predictions"' in head) and '"data"' in head
    return head.startswith("[") and (tasks or '"annotation_id"' in head or '"annotator"' in head)


def read(path: Path, images: Path | None, losses: list[Loss]) -> list[Photo]:
    """Read the tasks of a JSON. Raises UserError.

    The images are in `images`, or else next to the JSON or in images/; the unique prefix of an uploaded image may be
    missing in the name of its file. Adds each task that is malformed or not annotated to `losses`.
    """
    tasks = read_json(path, _FORMAT)
    if not isinstance(tasks, list):
        raise UserError(f"{path}: not {_FORMAT} (it is no list of tasks)")
    folders, photos, keys = image_folders(path, images), [], _keys_of_shapes(tasks)
    for k, task in enumerate(tasks):
        try:
            results = _results(task, keys)
            name = _image(task, {r["to_name"] for r in results if r.get("to_name")})
            about = [r for r in results if r.get("type") in _ABOUT_THE_IMAGE]
            losses += [Loss(Lost.ANNOTATION, path, f"{name}: {each['type']}") for each in about]
            boxes = {r["id"] for r in results if str(r.get("type")).startswith(_SHAPES) and r.get("id")}
            shapes = [r for r in results if r not in about and r.get("parentID") not in boxes]  # landmarks of a face
            photos.append(searched(make_photo(_find(name, folders), _size(shapes), Faces.read(shapes, _face)), folders))
        except MALFORMED as error:
            reason = first_line(error) if isinstance(error, ValueError) else malformed(error)
            number = task.get("id", k) if isinstance(task, dict) else k
            losses.append(Loss(Lost.IMAGE, path, f"task {number}: {reason}"))
    return photos


def _image(task: dict[str, Any], targets: set[str]) -> str:
    """The name of a task's image: the first text in its data that names a file. targets: what its shapes belong to.

    Raises ValueError if there are several: which of them a shape belongs to is not in the export.
    """
    data = task.get("data", task)
    names = [str(data[key]) for key in ("image", "img", "photo") if data.get(key)]
    files = [value for value in data.values() if isinstance(value, str) and "." in value]
    images = {value for value in files if is_image_name(Path(urlsplit(value).path))}
    if len(targets) > 1 or (not names and len(images) > 1):
        raise ValueError(f"has several images ({', '.join(sorted(images))[:80]}); annotate single images")
    names += [*sorted(images), *files]
    if not names:
        raise ValueError("names no image")
    if names[0].startswith("data:"):
        raise ValueError("has its image in the JSON, as a data URL; export the image files")
    kind = (mimetypes.guess_type(names[0])[0] or "").partition("/")[0]
    if kind in ("video", "audio"):
        raise ValueError(f"is {kind}, not an image; annotate single images")
    return names[0]


def _results(task: dict[str, Any], keys: set[str]) -> list[dict[str, Any]]:
    """The shapes of a task, in the form of the JSON. Raises ValueError if it is not annotated, or several times.

    keys: for JSON-MIN, those of the lists of shapes.
    """
    if "data" not in task:
        return _results_of_json_min(task, keys)
    done = [each for each in as_list(task.get("annotations") or []) if not each.get("was_cancelled")]
    if not done:
        raise ValueError("has predictions but no annotation" if task.get("predictions") else "is not annotated")
    if len(done) > 1:
        raise ValueError(f"has {len(done)} annotations; export one for each task")
    return _with_labels([result for result in as_list(done[0]["result"]) if result.get("type") != "relation"])


def _keys_of_shapes(tasks: list[Any]) -> set[str]:
    """The keys of JSON-MIN under which any task has a list of shapes; other tasks may have none under them."""
    items = (item for task in tasks if isinstance(task, dict) for item in task.items())
    return {key for key, value in items if isinstance(value, list) and any(isinstance(r, dict) for r in value)}


def _results_of_json_min(task: dict[str, Any], keys: set[str]) -> list[dict[str, Any]]:
    if not task.get("annotation_id") and not task.get("annotator"):
        raise ValueError("is not annotated")
    lists = [as_list(value) for key, value in task.items() if key in keys]
    sizes = ("original_width", "original_height")
    return [{"value": dict(r), **{key: r.get(key) for key in sizes}} for value in lists for r in value]


def _with_labels(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The results without the shapes that are there again, with their label: they have the same id."""
    labelled = {r.get("id") for r in results if r.get("type") == "labels"}
    return [r for r in results if r.get("type") not in _SHAPES or r.get("id") is None or r["id"] not in labelled]


def _size(results: list[dict[str, Any]]) -> tuple[int, int]:
    """The size of the image, 0 without any. Raises ValueError if the shapes state several."""
    sizes = {(int(r.get("original_width") or 0), int(r.get("original_height") or 0)) for r in results}
    if len(sizes) > 1:
        raise ValueError("states several sizes of the image")
    return next(iter(sizes), (0, 0))


def _find(name: str, folders: list[Path]) -> Path:
    found = locate(name, folders)
    folder, _, file = name.rpartition("/")
    if not is_file(found) and _UPLOADED.match(file):
        return locate(f"{folder}/{file[9:]}" if folder else file[9:], folders)
    return found


def _face(result: dict[str, Any]) -> BoxAnnotation:
    (turned,) = numbers([result.get("image_rotation") or 0])
    if turned % 360:
        raise ValueError(f"a shape on the image turned by {turned:g} degrees; turn it back in Label Studio")
    value, (width, height) = result["value"], numbers((result["original_width"], result["original_height"]))
    labels = next((v for key, v in value.items() if key.endswith("labels") and isinstance(v, list)), [])
    corners = _corners(value, width / 100, height / 100)
    return BoxAnnotation(corners, False, str(labels[0]) if labels else "", _shape(value))


def _shape(value: dict[str, Any]) -> str:
    if "radiusX" in value:
        return "ellipse"
    if "points" in value:
        return "polygon"
    return ROTATED if value.get("rotation") else BOX


def _corners(value: dict[str, Any], sx: float, sy: float) -> list[float]:
    """The box in pixels around a shape in per cent. sx, sy: pixels of one per cent."""
    angle = math.radians(numbers([value.get("rotation") or 0])[0])
    if "radiusX" in value:
        x, y, rx, ry = numbers([value[key] for key in ("x", "y", "radiusX", "radiusY")])
        return box_of_ellipse(x * sx, y * sy, rx * sx, ry * sy, angle)
    if "points" in value:
        points = [numbers(point, 2) for point in value["points"]]
        return enclosing([side for x, y in points for side in (x * sx, y * sy)])
    if not {"x", "y", "width", "height"} <= value.keys() or "keypointlabels" in value:
        raise ValueError(f"a shape with {', '.join(sorted(value)) or 'nothing'} is no box and encloses none")
    x, y, w, h = numbers([value[key] for key in ("x", "y", "width", "height")])
    return box_of_turned([x * sx, y * sy, (x + w) * sx, (y + h) * sy], angle, about=(x * sx, y * sy))
