"""Read a folder or file of annotated face photographs, whatever its format, into one plain format."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facedet.core.common.errors import UserError
from facedet.core.data.formats import coco, cvat, datumaro, voc, wider, yolo
from facedet.core.data.formats.recognise import FORMATS, locate, recognise
from facedet.core.data.image import image_size
from facedet.core.data.structures import AnnotatedDataset, Photo

__all__ = ["FORMATS", "DatasetSource", "read_annotations", "read_dataset", "recognise"]

_READERS = {"coco": coco.read, "cvat": cvat.read, "datumaro": datumaro.read, "voc": voc.read, "wider": wider.read}
_SMALLEST = 1.0  # pixels: a narrower or lower box has no area to learn from


@dataclass(frozen=True)
class DatasetSource:
    """Where a set lies: a file or folder of one of `FORMATS`.

    images: folder of the pictures if they are not where the format puts them; names: text file, one picture a line.
    format: one of `FORMATS`; None detects it. split: `train` or `val` of a YOLO data.yaml with both; None takes all.
    """

    path: Path
    images: Path | None = None
    names: Path | None = None
    format: str | None = None
    split: str | None = None


def read_dataset(source: DatasetSource) -> AnnotatedDataset:
    """Read a set; every class counts as a face.

    Single images that are missing or unreadable and single boxes that are NaN, outside or without area are left out
    and named in `skipped`; boxes partly outside are clipped. Raises UserError if nothing of it can be used.
    """
    skipped: list[str] = []
    entries = read_annotations(source, skipped)
    photos: list[Photo] = []
    for entry in entries:
        try:
            photos.append(_checked(entry, skipped))
        except UserError as error:
            skipped.append(str(error))
    if not photos:
        why = f" (first reason: {skipped[0]})" if skipped else ""
        raise UserError(f"{source.path}: no usable picture{why}")
    return AnnotatedDataset(photos, skipped)


def read_annotations(source: DatasetSource, skipped: list[str]) -> list[Photo]:
    """The entries of a set as they are annotated: no picture is decoded, no box is judged. Raises UserError.

    Adds a line to `skipped` for each annotation that cannot be read; a malformed box becomes one of NaN. Only YOLO's
    fractions need the header of each picture: there an unreadable one is such a line.
    """
    format, path = locate(source.path, source.format)
    if format == "yolo":
        entries = yolo.read(path, source.images, skipped, source.split)
    else:
        entries = _READERS[format](path, source.images, skipped)
    return _select(entries, source.names, skipped) if source.names else entries


def _checked(entry: Photo, skipped: list[str]) -> Photo:
    width, height = image_size(entry.path)
    if entry.width and entry.height and (entry.width, entry.height) != (width, height):
        raise UserError(
            f"{entry.path}: annotated as {entry.width}x{entry.height} but is {width}x{height}; correct the annotation"
        )
    boxes = entry.boxes.astype(np.float32).reshape(-1, 4)
    finite = np.asarray(np.isfinite(boxes).all(axis=1))
    clipped = np.where(finite[:, None], boxes, 0).clip(0, [width, height, width, height]).astype(np.float32)
    good = np.logical_and(finite, (clipped[:, 2:] - clipped[:, :2] >= _SMALLEST).all(axis=1))
    for box in boxes[~good]:
        numbers = ", ".join(f"{value:g}" for value in box)
        skipped.append(f"{entry.path}: box [{numbers}] lies outside the {width}x{height} picture or has no area")
    classes = tuple(name for name, kept in zip(entry.classes, good, strict=True) if kept)
    return Photo(entry.path, width, height, clipped[good], entry.ignored[good], classes)


def _select(entries: list[Photo], names: Path, skipped: list[str]) -> list[Photo]:
    """The entries that a list names, by the end of their path, with or without its suffix. Raises UserError."""
    by_name: dict[str, set[int]] = defaultdict(set)
    for k, entry in enumerate(entries):
        by_name[entry.path.name].add(k)
        by_name[entry.path.stem].add(k)
    chosen: set[int] = set()
    for line in _lines(names):
        *folders, name = Path(line).parts
        fits = [k for k in sorted(by_name[name]) if _ends_with(entries[k].path.parent, folders)]
        if len(fits) > 1:
            first, second = (entries[k].path for k in fits[:2])
            raise UserError(f"{names}: '{line}' fits {first} and {second}; write more of the path")
        if not fits:
            skipped.append(f"{line}: in the list of names but not in the set")
        chosen.update(fits)
    return [entries[k] for k in sorted(chosen)]


def _ends_with(folder: Path, parts: list[str]) -> bool:
    wanted = [part for part in parts if part != "."]
    return not wanted or list(folder.parts[-len(wanted) :]) == wanted


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as a list of names") from error
    return [line.strip() for line in text.splitlines() if line.strip()]
