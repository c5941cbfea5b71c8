"""The rows of YOLO label files: boxes, boxes with points, polygons, oriented boxes. All as fractions of the image.

`class cx cy w h` is a box; pairs or triples after it are points of the face. `class x1 y1 x2 y2 x3 y3 ...` is a polygon
or an oriented box. Many numbers of columns can be both, so all rows of a dataset are judged together, and a row unlike
the others is not read. If none is longer than a triangle, they are no polygons: predictions of tracks look the same.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from enum import Enum

from facedet.common.errors import UserError
from facedet.data.formats.parsing import enclosing, numbers
from facedet.data.structures import BOX

_BOX, _PREDICTION, _FEWEST_POINTS, _CORNERS = 5, 6, 7, 9  # columns
_VISIBILITY = (-1, 0, 1, 2)  # of a point; the first, in some sets, of one that is not annotated
_PIXELS = 2  # of the image's sides: no fraction is larger
_SLACK = 0.1  # of a box's sides, by which points of a face may lie outside it
_ROUNDING = 0.002  # of the image's sides
_SAMPLE = 200  # rows that are looked at
_POLYGONS = 0.95  # share of the rows without a crossing from which they can be polygons
_DAMAGED = 0.05  # share of rows that are unlike the others; more of them are no accident
_OUTSIDE = 0.5  # of the image's sides, by which polygons may reach out of it


class Rows(Enum):
    """What the rows with more than six columns are."""

    BOXES = "boxes only"
    POLYGONS = "polygons or oriented boxes"
    POSES = "boxes with points"


def parse(line: str) -> list[float]:
    """The numbers of a row. Raises ValueError for a row that is no annotation of a face."""
    values = numbers(line.split())
    if len(values) < _BOX:
        raise ValueError(f"{len(values)} columns instead of `class cx cy w h`: {line.strip()[:60]}")
    if len(values) == _PREDICTION:
        raise ValueError("6 columns: a box with one more number (confidence, track or angle)")
    return values


def corners(row: Sequence[float], kind: Rows, points: Sequence[int] | None = None, usual: int = 0) -> list[float]:
    """The box x1 y1 x2 y2 of a row, as fractions of the image. Raises ValueError.

    points: as for `decide`. usual: the columns of boxes with points, if they are known from the other rows.
    """
    columns = len(row)
    if max(map(abs, row[1:_BOX])) > _PIXELS:
        raise ValueError(f"its numbers look like pixels, not fractions of the image: {row[1]:g} {row[2]:g} ...")
    if columns > _BOX and kind is Rows.BOXES:
        raise ValueError(f"{columns} columns: not a box, unlike the other rows")
    if columns > _BOX and kind is Rows.POLYGONS:
        _check_polygon(row, points)
        return enclosing(row[1:])
    if columns > _BOX:
        _check_pose(row, points, usual)
    _, x, y, w, h, *_ = row
    return [x - w / 2, y - h / 2, x + w / 2, y + h / 2]


def shape_of(row: Sequence[float], kind: Rows) -> str:
    """What the box of a row is made from."""
    return "polygon" if kind is Rows.POLYGONS and len(row) > _BOX else BOX


def _check_polygon(row: Sequence[float], points: Sequence[int] | None) -> None:
    if len(row) % 2 == 0:
        raise ValueError(f"{len(row)} columns: not a polygon, unlike the other rows")
    if points is None and _is_other(row, Rows.POLYGONS):
        raise ValueError(f"{len(row)} columns: a box with points, unlike the other rows")


def _check_pose(row: Sequence[float], points: Sequence[int] | None, usual: int) -> None:
    columns = len(row)
    if (columns - _BOX) % 2 and (columns - _BOX) % 3:
        raise ValueError(f"{columns} columns: neither a box, nor a box with points, nor a polygon")
    if points is not None and columns != _BOX + math.prod(points):
        raise ValueError(f"{columns} columns instead of the {_BOX + math.prod(points)} of kpt_shape")
    if (points[-1] == 3 if points else (columns - _BOX) % 2) and not _has_triples(row):
        raise ValueError(f"{columns} columns: the third number of a point is not its visibility: 0, 1 or 2")
    unusual = usual not in (0, columns) and _can_be_polygon(row)
    if points is None and (unusual or _is_other(row, Rows.POSES)):
        raise ValueError(f"{columns} columns: not a box with points in it, unlike the other rows")


def usual_columns(rows: Iterable[Sequence[float]]) -> int:
    """The most frequent number of columns of the rows that are longer than a box and whole; 0 without any."""
    counts = Counter(len(row) for row in rows if len(row) > _BOX and _is_whole(row))
    return max(counts, key=counts.__getitem__, default=0)


def decide(rows: Iterable[Sequence[float]], points: Sequence[int] | None, where: object) -> Rows:
    """What the longer rows of a dataset are: what most of them can be, as a few may be damaged. points: `kpt_shape` of
    data.yaml, if it has one. Raises UserError if they can be both, or are mixed.
    """
    long = [row for row in rows if len(row) >= _FEWEST_POINTS and _is_whole(row)]
    if points is not None:
        return Rows.POSES if any(points) else Rows.POLYGONS
    if not long:
        return Rows.BOXES
    sample = long[:: len(long) // _SAMPLE + 1]
    kind = _kind(sample, max(map(len, long)), where)
    others = sum(_is_other(row, kind) for row in sample)
    if others > max(1, _DAMAGED * len(sample)):
        raise UserError(
            f"{where}: some of its rows look like boxes with points, others like polygons; separate them, or say in "
            "data.yaml which ones are right: kpt_shape: [5, 2] for boxes with 5 points, kpt_shape: [0, 0] for polygons"
        )
    return kind


def _kind(sample: list[Sequence[float]], longest: int, where: object) -> Rows:
    """What most rows can be. Raises UserError if they can be both."""
    half = len(sample) / 2
    if sum(map(_can_be_pose, sample)) <= half and sum(len(row) % 2 == 0 for row in sample) <= half:
        return Rows.BOXES if longest == _FEWEST_POINTS else Rows.POLYGONS  # or predictions with confidence and track
    if sum(map(_can_be_polygon, sample)) >= _POLYGONS * len(sample):
        columns = usual_columns(sample)
        raise UserError(
            f"{where}: its rows of {columns} columns can be polygons or boxes with points; say it in data.yaml: "
            f"kpt_shape: [{(columns - _BOX) // 2}, 2] for points, kpt_shape: [0, 0] for polygons"
        )
    return Rows.POSES


def _is_other(row: Sequence[float], kind: Rows) -> bool:
    """Whether a row is surely or probably not what the others are: a polygon, or a box with points."""
    if kind is Rows.POLYGONS:
        return _can_be_pose(row) and not _can_be_polygon(row)
    return kind is Rows.POSES and len(row) % 2 == 1 and not _can_be_pose(row)


def _can_be_pose(row: Sequence[float]) -> bool:
    """Whether the first numbers are a box inside the image that contains the points after it."""
    _, x, y, w, h, *rest = row
    if _is_parallelogram(row):
        return False
    inside = all(side > 0 and abs(2 * centre - 1) + side <= 1 + _ROUNDING for centre, side in ((x, w), (y, h)))
    reach = 0.5 + _SLACK
    return inside and any(
        all(
            abs(px - x) <= reach * w and abs(py - y) <= reach * h
            for px, py in zip(rest[::step], rest[1::step], strict=True)
            if px > 0 or py > 0  # or else it is not annotated
        )
        for step in (2, 3)
        if (_has_triples(row) if step == 3 else len(rest) % step == 0)
    )


def _is_whole(row: Sequence[float]) -> bool:
    """Whether a row longer than a box has the columns of one of the kinds."""
    return len(row) % 2 == 1 or _has_triples(row)


def _has_triples(row: Sequence[float]) -> bool:
    """Whether the numbers after the box can be points, each with its visibility."""
    return len(row) % 3 == _BOX % 3 and all(value in _VISIBILITY for value in row[_FEWEST_POINTS::3])


def _is_parallelogram(row: Sequence[float]) -> bool:
    """Whether a row is an oriented box: four points whose diagonals have the same middle."""
    return len(row) == _CORNERS and all(abs(row[k] - row[k + 2] + row[k + 4] - row[k + 6]) < _ROUNDING for k in (1, 2))


def _can_be_polygon(row: Sequence[float]) -> bool:
    """Whether the points follow each other around an area, without a crossing."""
    if len(row) % 2 == 0:
        return False
    points = list(zip(row[1::2], row[2::2], strict=True))
    sides = list(zip(points, [*points[1:], points[0]], strict=True))
    if not all(-_OUTSIDE <= value <= 1 + _OUTSIDE for value in row[1:]):
        return False
    return not any(
        _cross(*sides[i], *sides[j])
        for i in range(len(sides))
        for j in range(i + 2, len(sides))
        if (i, j) != (0, len(sides) - 1)
    )


def _cross(a: tuple, b: tuple, c: tuple, d: tuple) -> bool:
    """Whether the lines a-b and c-d cross at an inner point of both."""

    def side(p: tuple, q: tuple, r: tuple) -> float:
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0
