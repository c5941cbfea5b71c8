"""The rows of YOLO label files: boxes, boxes with points, polygons, oriented boxes. All as fractions of the image.

`class cx cy w h` is a box; pairs or triples after it are points of the face. `class x1 y1 x2 y2 x3 y3 ...` is a polygon
or an oriented box. Many numbers of columns can be both, so all rows of a dataset are judged together. If none is longer
than a triangle, they are no polygons: predictions of tracks look the same.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import Enum

from facedet.common.errors import UserError
from facedet.data.formats.parsing import enclosing, numbers

_BOX, _PREDICTION, _FEWEST_POINTS = 5, 6, 7  # columns
_SLACK = 0.1  # of a box's sides, by which points of a face may lie outside it
_ROUNDING = 0.002  # of the image's sides
_SAMPLE = 200  # rows that are looked at
_POLYGONS = 0.95  # share of the rows without a crossing from which they can be polygons
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
        raise ValueError("6 columns: a prediction with its confidence, not an annotation")
    return values


def corners(row: Sequence[float], kind: Rows) -> list[float]:
    """The box x1 y1 x2 y2 of a row, as fractions of the image. Raises ValueError."""
    columns = len(row)
    if columns == _BOX or kind is Rows.POSES:
        if (columns - _BOX) % 2 and (columns - _BOX) % 3:
            raise ValueError(f"{columns} columns: neither a box, nor a box with points, nor a polygon")
        _, x, y, w, h, *_ = row
        return [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
    if kind is Rows.BOXES:
        raise ValueError(f"{columns} columns: not a box, unlike the other rows")
    if columns % 2 == 0:
        raise ValueError(f"{columns} columns: not a polygon, unlike the other rows")
    return enclosing(row[1:])


def decide(rows: Iterable[Sequence[float]], points: Sequence[int] | None, where: object) -> Rows:
    """What the longer rows of a dataset are: what most of them can be, as a few may be damaged. points: `kpt_shape` of
    data.yaml, if it has one. Raises UserError if they can be both.
    """
    long = [row for row in rows if len(row) >= _FEWEST_POINTS]
    if points is not None:
        return Rows.POSES if any(points) else Rows.POLYGONS
    if not long:
        return Rows.BOXES
    columns, _ = Counter(map(len, long)).most_common(1)[0]  # all poses of a dataset have the same number
    usual = [row for row in long if len(row) == columns]
    sample = usual[:: len(usual) // _SAMPLE + 1]
    poses = columns % 2 == 0 or sum(map(_can_be_pose, sample)) > len(sample) / 2
    if not poses or 2 * len(usual) <= len(long):
        triangles = max(map(len, long)) == _FEWEST_POINTS  # or predictions with their confidence and track
        return Rows.BOXES if triangles else Rows.POLYGONS
    if columns % 2 and sum(map(_can_be_polygon, sample)) >= _POLYGONS * len(sample):
        raise UserError(
            f"{where}: its rows of {columns} columns can be polygons or boxes with points; say it in data.yaml: "
            f"kpt_shape: [{(columns - _BOX) // 2}, 2] for points, kpt_shape: [0, 0] for polygons"
        )
    return Rows.POSES


def _can_be_pose(row: Sequence[float]) -> bool:
    """Whether the first numbers are a box inside the image that contains the points after it."""
    _, x, y, w, h, *rest = row
    inside = all(side > 0 and abs(2 * centre - 1) + side <= 1 + _ROUNDING for centre, side in ((x, w), (y, h)))
    reach = 0.5 + _SLACK
    return inside and any(
        all(
            abs(px - x) <= reach * w and abs(py - y) <= reach * h
            for px, py in zip(rest[::step], rest[1::step], strict=True)
            if px > 0 or py > 0  # or else it is not annotated
        )
        for step in (2, 3)
        if len(rest) % step == 0
    )


def _can_be_polygon(row: Sequence[float]) -> bool:
    """Whether the points follow each other around an area, without a crossing."""
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
