"""The user's own attributes of images and faces, from a CSV file: camera, site, light, skin tone group, mask, ...

The first column is the file name. If the next four are `x`, `y`, `width`, `height` in pixels, a row with these numbers
is about one face, and a row without them about all faces of the image. Each further column divides the faces.
"""

import csv
import io
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facedet.common.boxes import overlaps
from facedet.common.errors import UserError, first_line
from facedet.data.formats.parsing import read_text, xywh_to_corners
from facedet.data.names import nearest, parts_of
from facedet.data.structures import Photo
from facedet.evaluation.divisions import MOST_GROUPS, NOT_GIVEN, Division, divide, image_of_faces, named
from facedet.evaluation.metrics.faces import IOU

PREFIX = "attribute "  # of the names of divisions, which could be those of others
_BOX = ["x", "y", "width", "height"]
_SEPARATOR = re.compile(r""""?sep=([,;\t|])"?\1*[\r\n]""", re.IGNORECASE)  # as Excel writes it


@dataclass(frozen=True)
class AttributeRow:
    """A line of the file. box: x1 y1 x2 y2 of a face, None for all of an image. values: by column, if not empty."""

    line: int
    name: str
    box: tuple[float, ...] | None
    values: dict[str, str]


@dataclass(frozen=True)
class Attributes:
    """An attribute file. columns: names of the attributes."""

    path: Path
    columns: tuple[str, ...]
    rows: list[AttributeRow]


def read_attributes(path: Path) -> Attributes:
    """Read an attribute file: UTF-8 or UTF-16, with commas, semicolons or tabs, or what a first line such as `sep=;`
    says. Raises UserError."""
    text = read_text(path, "a CSV file").lstrip("\r\n")
    if "\0" in text:
        raise UserError(f"{path}: not a CSV file (it is not UTF-8; save it as UTF-8)")
    stated = _SEPARATOR.match(text)
    delimiter = stated[1] if stated else max(",;\t", key=text.partition("\n")[0].count)
    try:
        numbered = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
        lines = [(numbered.line_num, [cell.strip() for cell in cells]) for cells in numbered if any(cells)]
    except csv.Error as error:
        raise UserError(f"{path}: not a CSV file ({first_line(error)})") from error
    lines = lines[1:] if stated else lines
    header = lines[0][1] if lines else []
    has_boxes = [name.lower() for name in header[1:5]] == _BOX
    columns = header[5 if has_boxes else 1 :]
    if not columns or not all(columns) or len(set(columns)) < len(columns):
        wanted = "a file name, perhaps x, y, width and height, and then at least one attribute with a name of its own"
        raise UserError(f"{path}: its first line has the columns {', '.join(header) or 'none'}; it needs {wanted}")
    return Attributes(path, tuple(columns), [_row(path, line, cells, header, has_boxes) for line, cells in lines[1:]])


def read_table(path: str | Path | None, resamples: int) -> Attributes | None:
    """`read_attributes`, if a file is given. resamples: without any, there are no slices. Raises UserError."""
    if path and not resamples:
        raise UserError(f"--attributes {path}: --resamples 0 leaves out what it is for; give only one of them")
    return read_attributes(Path(path)) if path else None


def _row(path: Path, line: int, cells: list[str], header: list[str], has_boxes: bool) -> AttributeRow:
    if len(cells) != len(header):
        raise UserError(f"{path}:{line}: has {len(cells)} columns, but the first line has {len(header)}")
    numbers, box = cells[1:5] if has_boxes else [], None
    if any(numbers):
        try:
            box = tuple(xywh_to_corners(numbers))
        except ValueError as error:
            raise UserError(f"{path}:{line}: its box is {', '.join(numbers)}; give four numbers or none") from error
    begin = 5 if has_boxes else 1
    return AttributeRow(line, cells[0], box, {n: v for n, v in zip(header[begin:], cells[begin:], strict=True) if v})


def every_division(
    photos: Sequence[Photo], facts: Sequence[np.ndarray], attributes: Attributes | None
) -> tuple[list[Division], list[str]]:
    """The divisions of `divide`, then those of an attribute file, if one is given. Raises UserError."""
    own, notes = divide_by_attributes(attributes, photos) if attributes else ([], [])
    return [*divide(photos, facts), *own], notes


def divide_by_attributes(attributes: Attributes, photos: Sequence[Photo]) -> tuple[list[Division], list[str]]:
    """A division for each attribute, and a line if some of the files are not among the photos. Raises UserError.

    A row about a face comes before that about its image. Faces without either are in a group of their own.
    """
    of_images: list[dict[str, str]] = [{} for _ in photos]
    of_faces: list[dict[int, dict[str, str]]] = [{} for _ in photos]
    unknown: list[str] = []
    found = _find(attributes, photos, unknown)
    seen: dict[tuple[int, int | None], int] = {}
    for row, k in found:
        face = None if row.box is None else _face(attributes.path, row, photos[k])
        if (first := seen.setdefault((k, face), row.line)) != row.line:
            what = row.name if face is None else f"this face of {row.name}"
            raise UserError(f"{attributes.path}:{row.line}: {what} is in line {first} already; remove one of them")
        if face is None:
            of_images[k] = row.values
        else:
            of_faces[k][face] = row.values
    divisions = [_division(attributes, name, photos, of_images, of_faces) for name in attributes.columns]
    if not unknown:
        return divisions, []
    some = f"{len(unknown)} of its {len(attributes.rows)} rows are about other images than those measured"
    return divisions, [f"{attributes.path}: {some} (first: {unknown[0]})"]


def _find(attributes: Attributes, photos: Sequence[Photo], unknown: list[str]) -> list[tuple[AttributeRow, int]]:
    """Each row with the index of its photo, by the longest end of its path that the name fits."""
    by_file: dict[str, list[int]] = defaultdict(list)
    for k, photo in enumerate(photos):
        for key in {photo.path.name, photo.path.stem}:
            by_file[key].append(k)
    found = []
    for row in attributes.rows:
        same = by_file["".join(parts_of(row.name)[-1:])]
        chosen = [same[k] for k in nearest(row.name, [photos[k].path.absolute() for k in same])]
        if len(chosen) > 1:
            first, second = (photos[k].path for k in chosen[:2])
            raise UserError(
                f"{attributes.path}:{row.line}: {row.name} can be {first} or {second}; give more of the path"
            )
        if chosen:
            found.append((row, chosen[0]))
        else:
            unknown.append(row.name)
    if not found:
        some = attributes.rows[0].name if attributes.rows else "none"
        raise UserError(f"{attributes.path}: no row is about an image of the dataset (its first: {some})")
    return found


def _face(path: Path, row: AttributeRow, photo: Photo) -> int:
    overlap = overlaps(np.array([row.box]), photo.boxes.astype(float))[0]
    if overlap.max(initial=0) < IOU:
        raise UserError(
            f"{path}:{row.line}: {row.name} has no face with this box; boxes are x, y, width, height in pixels"
        )
    return int(overlap.argmax())


def _division(
    attributes: Attributes,
    name: str,
    photos: Sequence[Photo],
    of_images: Sequence[Mapping[str, str]],
    of_faces: Sequence[Mapping[int, Mapping[str, str]]],
) -> Division:
    values = [
        of_faces[k].get(face, {}).get(name) or of_images[k].get(name, NOT_GIVEN)
        for k, photo in enumerate(photos)
        for face in np.flatnonzero(~photo.ignored).tolist()
    ]
    groups = {*values, *(each.get(name, NOT_GIVEN) for each in of_images)}
    if len(groups) > MOST_GROUPS:
        raise UserError(
            f"{attributes.path}: its column {name} has {len(groups)} values; group them into {MOST_GROUPS} or fewer"
        )
    order = [*sorted(groups - {NOT_GIVEN}), NOT_GIVEN]
    title = f"{PREFIX}{name}"
    division = named(title, values, order, rest=NOT_GIVEN)
    if any(name in row for faces in of_faces for row in faces.values()):
        return division
    place = {group: k for k, group in enumerate(order)}
    of_photos = np.array([place[each.get(name, NOT_GIVEN)] for each in of_images], int)
    return Division(title, division.groups, of_photos[image_of_faces(photos)], of_photos, NOT_GIVEN)
