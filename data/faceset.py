"""Read a folder or file of annotated face photographs, whatever its form, into one plain form."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data import coco, voc
from data.errors import UserError
from data.image import image_size
from data.structures import FaceSet, Photo

_SMALLEST = 1.0  # pixels: a narrower or lower box has no area to learn from


@dataclass(frozen=True)
class Source:
    """Where a set lies: a COCO json or a Pascal VOC folder.

    images: folder of the pictures if they are not where the form puts them; names: text file, one picture a line.
    """

    path: Path
    images: Path | None = None
    names: Path | None = None


def read_set(source: Source) -> FaceSet:
    """Read a set; every class counts as a face.

    Single images that are missing or unreadable and single boxes that are NaN, outside or without area are left out
    and named in `skipped`; boxes partly outside are clipped. Raises UserError if nothing of it can be used.
    """
    reader = voc.read if source.path.is_dir() else coco.read
    wanted = _read_names(source.names) if source.names else None
    photos: list[Photo] = []
    skipped: list[str] = []
    for entry in _select(reader(source.path, source.images), wanted, skipped):
        try:
            photos.append(_checked(entry, skipped))
        except UserError as error:
            skipped.append(str(error))
    if not photos:
        why = f" (first reason: {skipped[0]})" if skipped else ""
        raise UserError(f"{source.path}: no usable picture{why}")
    return FaceSet(photos, skipped)


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
    return Photo(entry.path, width, height, clipped[good], entry.ignored[good])


def _select(entries: Iterable[Photo], wanted: dict[str, str] | None, skipped: list[str]) -> Iterable[Photo]:
    if wanted is None:
        yield from entries
        return
    missing = dict(wanted)
    for entry in entries:
        name = next((n for n in (entry.path.name, entry.path.stem) if n in wanted), None)
        if name is not None:
            missing.pop(name, None)
            yield entry
    skipped.extend(f"{line}: in the list of names but not in the set" for line in missing.values())


def _read_names(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as a list of names") from error
    return {Path(line.strip()).name: line.strip() for line in lines if line.strip()}
