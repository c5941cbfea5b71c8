"""Detect faces in images with a model of any format."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from os.path import abspath
from pathlib import Path

import numpy as np

from facedet.common.errors import UserError
from facedet.common.files import write_text
from facedet.common.outputs import Input, Output, writing
from facedet.common.progress import Progress, Tell, silent, tell_nobody
from facedet.data.formats.coco import read_ids
from facedet.data.image import find_images, read_image, to_tensor, write_png
from facedet.data.names import distinct_names, nearest, parts_of
from facedet.data.structures import Detections
from facedet.inference.draw import draw_boxes
from facedet.inference.session import (
    Session,
    check_model,
    open_session,
    shown_above,
    to_image_detections,
)
from facedet.weights.operating_point import in_words

_LIST = "detections.json"


@dataclass(frozen=True)
class ImageDetections:
    """The detections in one image file, boxes in its pixels."""

    path: Path
    detections: Detections


def detect_image(session: Session, image: np.ndarray) -> Detections:
    """Detect faces in an image uint8 [h, w, 3] BGR; boxes are in its pixels. Raises UserError."""
    return to_image_detections(session.run(to_tensor(image, session.size)), session, *image.shape[:2])


def detect_images(
    model: Path,
    sources: Sequence[Path],
    folder: Path,
    threshold: float | None = None,
    progress: Progress = silent,
    ids: Path | None = None,
    config: str | Path | None = None,
    device: str | None = None,
    tell: Tell = tell_nobody,
) -> tuple[list[ImageDetections], list[str]]:
    """Detect faces with a score above `threshold`, None for the model's own, in image files or folders of them.

    Writes each image with boxes drawn as PNG, and detections.json, into `folder`. Images with the same file name keep
    the folders by which they differ. Returns the detections, and one line for each image that cannot be read and for
    each folder that has other files. Raises UserError if no image can be read.

    ids: a COCO JSON that lists the images; detections.json then holds its ids, for pycocotools. config: of a
    checkpoint, as for `load_network`. device: as for `open_session`. tell: called with the model's own threshold and
    what was measured with it, if that is used.
    """
    if threshold is not None and not 0 <= threshold <= 1:
        raise UserError(f"--threshold {threshold:g}: scores lie between 0 and 1")
    check_model(model, config=config, device=device)
    left_out: list[str] = []
    names = _names(sources, folder, left_out.append)
    read = [Input(path) for path in (model, *sources, ids) if path]
    drawn = _drawn(names)
    with writing("detect", [Output(folder, [*drawn.values(), _LIST])], read):
        open_model = partial(open_session, model, config=config, device=device)
        found = _detect(open_model, names, drawn, folder, threshold, progress, ids, left_out, tell)
    return found, left_out


def output_names(sources: Sequence[Path], folder: Path) -> list[str]:
    """The names of the files that `detect_images` writes into the folder. Raises UserError if it holds the images."""
    return [*_drawn(_names(sources, folder, tell_nobody)).values(), _LIST]


def _names(sources: Sequence[Path], folder: Path, tell: Tell) -> dict[Path, Path]:
    """The images, and the name of each in the folder."""
    given = [path for source in sources for path in find_images(source, tell)]
    paths = list({abspath(path): path for path in given}.values())
    names = distinct_names(paths)
    outputs = {(folder / name).parent.resolve() for name in names.values()}
    if any({path.parent.resolve(), path.resolve().parent} & outputs for path in paths):
        raise UserError(f"{folder}: contains the input images; choose another folder")
    return names


def _drawn(names: dict[Path, Path]) -> dict[Path, str]:
    """The name of each image with boxes drawn."""
    stems = Counter(name.with_suffix("") for name in names.values())
    alone = {path: stems[name.with_suffix("")] == 1 for path, name in names.items()}
    return {path: f"{name.with_suffix('') if alone[path] else name}.png" for path, name in names.items()}


def _detect(
    open_model: Callable[[], Session],
    names: dict[Path, Path],
    drawn: dict[Path, str],
    folder: Path,
    threshold: float | None,
    progress: Progress,
    ids: Path | None,
    left_out: list[str],
    tell: Tell,
) -> list[ImageDetections]:
    paths = list(names)
    image_ids, category = _read_ids(ids, paths) if ids else ({}, 0)
    session = open_model()
    if threshold is None:
        threshold = shown_above(session)
        tell(in_words(session.operating_point))
    found = []
    for path in progress(paths, "detect"):
        try:
            image = read_image(path)
        except UserError as error:
            left_out.append(str(error))
            continue
        detections = detect_image(session, image).above(threshold)
        write_png(draw_boxes(image, detections), folder / drawn[path])
        found.append(ImageDetections(path, detections))
    if not found:
        raise UserError(left_out[-1])
    _write_json(found, names, folder / _LIST, image_ids, category)
    return found


def _read_ids(ids: Path, paths: Sequence[Path]) -> tuple[dict[Path, int], int]:
    """The id of each image, and that of the category. Raises UserError."""
    listed, category = read_ids(ids)
    by_file = defaultdict(list)
    for path in paths:
        by_file[path.name].append(path)
    found: dict[Path, list[str]] = defaultdict(list)
    for name in listed:
        same = by_file["".join(parts_of(name)[-1:])]
        chosen = nearest(name, [path.resolve() for path in same])
        if len(chosen) > 1:
            raise UserError(f"{ids}: {name} can be {same[chosen[0]]} or {same[chosen[1]]}; give one folder at a time")
        if chosen:
            found[same[chosen[0]]].append(name)
    for path in paths:
        if not found[path]:
            raise UserError(f"{ids}: does not list {path.name}; give the images of this file only")
        if len(found[path]) > 1:
            first, second = found[path][:2]
            raise UserError(f"{ids}: {path} can be {first} or {second}; give more of the path")
    return {path: listed[names[0]] for path, names in found.items()}, category


def _write_json(
    found: list[ImageDetections], names: dict[Path, Path], file: Path, image_ids: dict[Path, int], category: int
) -> None:
    rows = []
    for image in found:
        name = names[image.path].as_posix()
        known = {"image_id": image_ids[image.path]} if image_ids else {}
        boxes, scores = image.detections.boxes.tolist(), image.detections.scores.tolist()
        for (x1, y1, x2, y2), score in zip(boxes, scores, strict=True):
            box = [round(v, 3) for v in (x1, y1, x2 - x1, y2 - y1)]
            rows.append({"file_name": name, "bbox": box, "score": round(score, 6), "category_id": category, **known})
    write_text(file, json.dumps(rows, indent=1) + "\n")
