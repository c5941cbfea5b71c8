"""The rows of YOLO label files."""

from collections.abc import Callable

import numpy as np
import pytest

from facedet.common.errors import UserError
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.formats.yolo_rows import Rows, corners, decide, parse, usual_columns

BOX = [0, 0.5, 0.5, 0.2, 0.4]
EYES = [0.45, 0.4, 0.55, 0.4]
FIVE = [*EYES, 0.46, 0.6, 0.54, 0.6, 0.5, 0.5]
SQUARE = [0, 0.1, 0.2, 0.6, 0.2, 0.6, 0.7, 0.1, 0.7]


def pose(rng: np.random.Generator, points: int, values: int, noise: float = 0.4) -> list[float]:
    """A row of a face with points in it. values: of each point."""
    w, h = rng.uniform(0.05, 0.3, 2)
    x, y = rng.uniform(0.2, 0.8, 2)
    inside = [[x + w * rng.uniform(-noise, noise), y + h * rng.uniform(-noise, noise), 2][:values]
              for _ in range(points)]  # fmt: skip
    return [0, x, y, w, h, *(value for point in inside for value in point)]


def polygon(rng: np.random.Generator, points: int) -> list[float]:
    """A row of an ellipse."""
    x, y, a, b = *rng.uniform(0.3, 0.7, 2), *rng.uniform(0.05, 0.2, 2)
    angles = np.linspace(0, 2 * np.pi, points, endpoint=False) + rng.uniform(0, 6)
    return [0, *np.stack([x + a * np.cos(angles), y + b * np.sin(angles)], axis=1).ravel().tolist()]


@pytest.mark.parametrize(
    ("line", "reason"),
    [("0 0.5 0.5 0.1", "4 columns instead of `class cx cy w h`: 0 0.5 0.5 0.1"),
     ("0 0.5 0.5 0.1 0.1 0.9", r"6 columns: a box with one more number \(confidence, track or angle\)"),
     ("face 0.5 0.5 0.1 0.1", "not numbers: "), ("0 0.5 nan 0.1 0.1", "not finite numbers: "),
     ("0,0.5,0.5,0.1,0.1", "not numbers: "), ("", "0 columns")],
)  # fmt: skip
def test_a_row_that_is_no_annotation_is_refused(line: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse(line)


def test_a_row_is_its_numbers() -> None:
    assert parse(" 1 0.5 0.25 1e-1 .125\n") == [1, 0.5, 0.25, 0.1, 0.125]


@pytest.mark.parametrize(
    ("row", "kind", "box"),
    [
        (BOX, Rows.POLYGONS, [0.4, 0.3, 0.6, 0.7]),
        (BOX, Rows.POSES, [0.4, 0.3, 0.6, 0.7]),
        ([*BOX, *EYES], Rows.POSES, [0.4, 0.3, 0.6, 0.7]),
        ([*BOX, 0.5, 0.5, 2], Rows.POSES, [0.4, 0.3, 0.6, 0.7]),
        (SQUARE, Rows.POLYGONS, [0.1, 0.2, 0.6, 0.7]),
        ([0, 0.3, 0.1, 0.5, 0.3, 0.3, 0.5, 0.1, 0.3], Rows.POLYGONS, [0.1, 0.1, 0.5, 0.5]),
        ([0, 0.3, 0.1, 0.5, 0.3, 0.2, 0.9], Rows.POLYGONS, [0.2, 0.1, 0.5, 0.9]),
    ],
)
def test_every_row_has_a_box(row: list, kind: Rows, box: list) -> None:
    assert corners(row, kind) == pytest.approx(box)


@pytest.mark.parametrize(
    ("columns", "kind", "reason"),
    [(8, Rows.POLYGONS, "8 columns: not a polygon, unlike the other rows"),
     (10, Rows.POSES, "10 columns: neither a box, nor a box with points, nor a polygon"),
     (12, Rows.POSES, "12 columns: neither"),
     (8, Rows.POSES, "8 columns: the third number of a point is not its visibility: 0, 1 or 2")],
)  # fmt: skip
def test_a_row_unlike_the_others_is_refused(columns: int, kind: Rows, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        corners([0.5] * columns, kind)


@pytest.mark.parametrize(("points", "values"), [(5, 2), (5, 3), (1, 3), (2, 3), (4, 3), (17, 3), (17, 2), (68, 2)])
def test_boxes_with_pairs_and_triples_are_recognised(points: int, values: int) -> None:
    rng = np.random.default_rng(points)
    rows = [pose(rng, points, values) for _ in range(50)]
    assert decide(rows, None, "set") is Rows.POSES
    assert decide([BOX, *rows], None, "set") is Rows.POSES


def test_points_that_are_not_annotated_may_be_zero_or_negative() -> None:
    rows = [[*BOX, *EYES, 0, 0, -0.01, -0.02, 0.5, 0.5]] * 3
    assert decide(rows, None, "set") is Rows.POSES


@pytest.mark.parametrize("number", [4, 7, 12, 40])
def test_polygons_of_one_length_are_recognised(number: int) -> None:
    rng = np.random.default_rng(number)
    assert decide([polygon(rng, number) for _ in range(50)], None, "set") is Rows.POLYGONS


def test_polygons_of_several_lengths_are_recognised() -> None:
    rng = np.random.default_rng(0)
    assert decide([polygon(rng, 3 + k % 9) for k in range(50)], None, "set") is Rows.POLYGONS


@pytest.mark.parametrize(("damaged", "kind"), [([*BOX, *FIVE[:-1]], Rows.POSES), ([*BOX, *FIVE[:-2]], Rows.POSES),
                                               ([*BOX, 0.9, 0.9, *FIVE[2:]], Rows.POSES),
                                               (SQUARE[:-1], Rows.POLYGONS), (SQUARE[:-2], Rows.POLYGONS)])  # fmt: skip
def test_a_damaged_row_does_not_change_what_the_others_are(damaged: list, kind: Rows) -> None:
    rng = np.random.default_rng(0)
    others = [pose(rng, 5, 2) if kind is Rows.POSES else polygon(rng, 4) for _ in range(20)]
    assert decide([damaged, *others], None, "set") is kind


def oriented(rng: np.random.Generator) -> list[float]:
    """A row of a rectangle that is turned about its centre."""
    centre, half, angle = rng.uniform(0.3, 0.7, 2), rng.uniform(0.02, 0.2, 2), rng.choice([0, rng.uniform(0, np.pi)])
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    corners_of_it = centre + np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half @ turn
    return [0, *corners_of_it.ravel().round(6).tolist()]


def face(rng: np.random.Generator, values: int) -> list[float]:
    """A row of a face with eyes, nose and corners of the mouth, where they are in faces. values: of each point."""
    w, h = rng.uniform(0.05, 0.3, 2)
    x, y = rng.uniform(0.2, 0.8, 2)
    usual = np.array([[-0.22, -0.12], [0.22, -0.12], [0, 0.08], [-0.17, 0.27], [0.17, 0.27]])
    points = [x, y] + (usual + rng.normal(0, 0.04, (5, 2))) * [w, h]
    return [0, x, y, w, h, *(value for px, py in points.tolist() for value in [px, py, 2][:values])]


KINDS = {
    "pairs": lambda rng: face(rng, 2),
    "triples": lambda rng: face(rng, 3),
    "polygons": lambda rng: polygon(rng, int(rng.integers(5, 60))),
    "oriented": oriented,
}


def box_of(kind: str, row: list[float]) -> list[float]:
    """The box of a row whose kind is known."""
    if kind in ("pairs", "triples"):
        return [row[1] - row[3] / 2, row[2] - row[4] / 2, row[1] + row[3] / 2, row[2] + row[4] / 2]
    return [min(row[1::2]), min(row[2::2]), max(row[1::2]), max(row[2::2])]


@pytest.mark.parametrize(
    ("counts", "lost"),
    [({"oriented": 1}, 0), ({"oriented": 3}, 0), ({"oriented": 40}, 0), ({"oriented": 20, "polygons": 20}, 0),
     ({"pairs": 20, "triples": 20}, 1), ({"pairs": 40, "polygons": 1}, 1), ({"triples": 40, "polygons": 1}, 1),
     ({"polygons": 40, "pairs": 1}, 1), ({"polygons": 40, "triples": 1}, 1)],
    ids=str,
)  # fmt: skip
def test_no_row_of_a_mixed_dataset_is_read_as_what_it_is_not(counts: dict, lost: int) -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        rows = [(kind, KINDS[kind](rng)) for kind, count in counts.items() for _ in range(count)]
        plain = [row for _, row in rows]
        decided, usual, unread = decide([*plain, BOX, BOX], None, "set"), usual_columns(plain), 0
        assert corners(BOX, decided, None, usual) == pytest.approx([0.4, 0.3, 0.6, 0.7])
        for kind, row in rows:
            try:
                assert corners(row, decided, None, usual) == pytest.approx(box_of(kind, row))
            except ValueError:
                unread += 1
        assert unread <= lost


@pytest.mark.parametrize("shares", [(20, 20), (30, 10), (10, 30)])
def test_a_dataset_of_polygons_and_boxes_with_points_is_refused(shares: tuple) -> None:
    rng = np.random.default_rng(0)
    rows = [KINDS[kind](rng) for kind, count in zip(("pairs", "polygons"), shares, strict=True) for _ in range(count)]
    with pytest.raises(UserError, match="some of its rows look like boxes with points, others like polygons"):
        decide(rows, None, "set")
    assert decide(rows, [5, 2], "set") is Rows.POSES
    with pytest.raises(ValueError, match="columns instead of the 15 of kpt_shape"):
        corners(polygon(rng, 8), Rows.POSES, [5, 2])


@pytest.mark.parametrize("row", [[0, 320, 240, 64, 80], [0, 10, 20, 60, 20, 60, 70, 10, 70]])
@pytest.mark.parametrize("kind", Rows)
def test_pixels_are_no_fractions(row: list, kind: Rows) -> None:
    with pytest.raises(ValueError, match="look like pixels, not fractions"):
        corners(row, kind)


@pytest.mark.parametrize("rows", [[], [BOX], [BOX] * 3])
def test_boxes_alone_are_not_ambiguous(rows: list) -> None:
    decide(rows, None, "set")


def test_rows_that_can_be_both_are_refused_unless_data_yaml_says_what_they_are() -> None:
    both = [[0, 0.5, 0.5, 0.4, 0.4, 0.4, 0.6]] * 3
    with pytest.raises(UserError) as error:
        decide(both, None, "set")
    assert str(error.value) == (
        "set: its rows of 7 columns can be polygons or boxes with points; say it in data.yaml: "
        "kpt_shape: [1, 2] for points, kpt_shape: [0, 0] for polygons"
    )
    assert decide(both, [1, 2], "set") is Rows.POSES
    assert decide(both, [0, 0], "set") is Rows.POLYGONS


ROWS = {  # the rows of a.jpg, 100x80, and its boxes in pixels
    "box": ([BOX], [[40, 24, 60, 56]]),
    "pairs": ([[*BOX, *FIVE]], [[40, 24, 60, 56]]),
    "triples": ([[*BOX, *EYES[:2], 2, *EYES[2:], 1]], [[40, 24, 60, 56]]),
    "oriented": ([[0, 0.3, 0.1, 0.5, 0.3, 0.3, 0.5, 0.1, 0.3]], [[10, 8, 50, 40]]),
    "polygons": ([[0, 0.1, 0.2, 0.3, 0.2, 0.2, 0.9], SQUARE], [[10, 16, 30, 72], [10, 16, 60, 56]]),
    "box and polygon": ([BOX, SQUARE], [[40, 24, 60, 56], [10, 16, 60, 56]]),
}


@pytest.fixture
def write(made: Callable) -> Callable:
    """Write rows as the labels of a.jpg, the only image with faces."""

    def write_rows(rows: list, data_yaml: str = "") -> DatasetSource:
        folder = made("yolo")
        (folder / "labels" / "b.txt").unlink()
        (folder / "labels" / "a.txt").write_text("\n".join(" ".join(map(str, row)) for row in rows))
        if data_yaml:
            (folder / "data.yaml").write_text(f"train: images\n{data_yaml}\n")
        return DatasetSource(folder, format="yolo")

    return write_rows


@pytest.mark.parametrize("kind", ROWS)
def test_rows_are_read_as_boxes_in_pixels(kind: str, write: Callable) -> None:
    rows, boxes = ROWS[kind]
    dataset = read_dataset(write(rows))
    assert dataset.photos[0].boxes.tolist() == pytest.approx(np.array(boxes), abs=1e-4)
    assert dataset.losses == []


@pytest.mark.parametrize(("shape", "box"), [("[1, 2]", [30, 24, 70, 56]), ("[0, 0]", [40, 32, 50, 48])])
def test_data_yaml_says_what_the_rows_are(shape: str, box: list, write: Callable) -> None:
    source = write([[0, 0.5, 0.5, 0.4, 0.4, 0.4, 0.6]], f"kpt_shape: {shape}")
    assert read_dataset(source).photos[0].boxes.tolist() == pytest.approx(np.array([box]), abs=1e-4)


@pytest.mark.parametrize("shape", ["5", "[5]", "[5, two]", "five", "{a: 1}"])
def test_a_malformed_kpt_shape_is_refused(shape: str, write: Callable) -> None:
    with pytest.raises(UserError, match=r"data\.yaml: kpt_shape is .*, not two numbers such as \[5, 2\]"):
        read_dataset(write([BOX], f"kpt_shape: {shape}"))


def test_an_image_with_a_row_unlike_the_others_is_left_out(write: Callable) -> None:
    (loss,) = read_dataset(write([SQUARE, SQUARE, SQUARE[:-1]])).losses
    assert loss.file.name == "a.jpg"
    assert loss.reason.endswith("8 columns: not a polygon, unlike the other rows")


@pytest.mark.parametrize("whole", [1, 2, 3])
def test_a_polygon_with_a_missing_number_is_no_box_with_a_point_and_does_not_make_others_unread(
    whole: int, write: Callable
) -> None:
    truncated = [0, 0.1, 0.1, 0.2, 0.1, 0.4, 0.1, 0.4]
    rows = [truncated, *[SQUARE] * whole]
    kind, usual = decide(rows, None, "set"), usual_columns(rows)
    assert [corners(row, kind, None, usual) for row in rows[1:]] == [pytest.approx([0.1, 0.2, 0.6, 0.7])] * whole
    (loss,) = read_dataset(write(rows)).losses
    assert loss.reason.endswith("8 columns: not a polygon, unlike the other rows")


def test_a_polygon_with_a_missing_number_is_not_read_alone(write: Callable) -> None:
    (loss,) = read_dataset(write([[0, 0.1, 0.1, 0.2, 0.1, 0.4, 0.1, 0.4]])).losses
    assert loss.reason.endswith("8 columns: not a box, unlike the other rows")


def test_a_truncated_row_does_not_decide_what_another_one_is() -> None:
    with pytest.raises(UserError, match="9 columns can be polygons or boxes with points"):
        decide([[*BOX, *EYES[:3]], [*BOX, *EYES]], None, "set")


@pytest.mark.parametrize("visibility", [-1.0, 0.0, 1.0, 2.0])
def test_the_third_number_of_a_point_is_its_visibility(visibility: float) -> None:
    row = [*BOX, *EYES[:2], 2, 0.55, 0.6, 1, *EYES[2:], visibility]
    assert corners(row, decide([row], None, "set")) == pytest.approx([0.4, 0.3, 0.6, 0.7])
    for shape in (None, [3, 3]):
        with pytest.raises(ValueError, match="14 columns: the third number of a point is not its visibility"):
            corners([*row[:-1], 0.87], Rows.POSES, shape)
