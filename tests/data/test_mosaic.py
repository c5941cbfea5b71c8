"""Mosaic: four views in one."""

import cv2
import numpy as np
import pytest

from facedet.data.augment import Augmented
from facedet.data.mosaic import mosaic

COLOURS = (250, 40, 40), (40, 250, 40), (40, 40, 250), (40, 250, 250)  # BGR; a mosaic shows one of each


def views() -> list[Augmented]:
    return [view(colour, (30, 40, 60, 70)) for colour in COLOURS]


def view(colour: tuple[int, int, int], box: tuple[int, int, int, int]) -> Augmented:
    image = np.full((96, 96, 3), 30, np.uint8)
    cv2.rectangle(image, box[:2], (box[2] - 1, box[3] - 1), colour, cv2.FILLED)
    return Augmented(image, np.array([box], np.float32), np.array([False]))


def faces(image: np.ndarray) -> list[list[int]]:
    """Boxes of the visible faces."""
    pixels = [np.nonzero((np.abs(image.astype(int) - colour) < 70).all(axis=2)) for colour in COLOURS]
    return [[x.min(), y.min(), x.max() + 1, y.max() + 1] for y, x in pixels if len(x)]


@pytest.mark.parametrize("scale", [(0.5, 1.0), (0.1, 0.1), (1.5, 2.0)])
def test_every_visible_face_has_its_box(scale: tuple[float, float]) -> None:
    counts = set()
    for seed in range(40):
        out = mosaic(views(), 96, np.random.default_rng(seed), scale, keep_cut=True)
        assert (out.image.shape, out.image.dtype, out.boxes.dtype) == ((96, 96, 3), np.uint8, np.float32)
        assert out.image.max(axis=2).min() >= 30, "no view fills a pixel"
        for face in faces(out.image):
            assert np.abs(out.boxes - face).max(axis=1).min() <= 2
        counts.add(len(out.boxes))
    assert max(counts) == 4


def test_cut_faces_are_dropped_or_with_keep_cut_ignored() -> None:
    cut = 0
    for seed in range(40):
        dropped = mosaic(views(), 96, np.random.default_rng(seed))
        kept = mosaic(views(), 96, np.random.default_rng(seed), keep_cut=True)
        np.testing.assert_array_equal(dropped.image, kept.image)
        np.testing.assert_array_equal(dropped.boxes, kept.boxes[~kept.ignored])
        assert not dropped.ignored.any()
        cut += int(kept.ignored.sum())
    assert cut > 0


def test_the_scale_is_that_of_its_range_and_an_ignored_face_stays_ignored() -> None:
    ignored = [Augmented(one.image, one.boxes, ~one.ignored) for one in views()]
    widths: dict[float, list[float]] = {0.7: [], 1.5: []}
    for scale, found in widths.items():
        for seed in range(20):
            out = mosaic(ignored, 96, np.random.default_rng(seed), (scale, scale), keep_cut=True)
            found.extend(out.boxes[:, 2] - out.boxes[:, 0])
            assert out.ignored.all()
    assert max(widths[0.7]) == pytest.approx(0.7 * 30, abs=1)
    assert max(widths[1.5]) == pytest.approx(1.5 * 30, abs=1)


def test_a_view_that_is_enlarged_to_fill_its_quarter_keeps_its_aspect() -> None:
    mosaics = [mosaic(views(), 96, np.random.default_rng(seed), (0.1, 0.1)) for seed in range(40)]
    sides = np.concatenate([out.boxes[:, 2:] - out.boxes[:, :2] for out in mosaics])
    square = np.abs(sides[:, 0] / sides[:, 1] - 1) < 0.1  # as in the views; the others are cut
    assert square.mean() > 0.6


def test_views_without_faces_give_a_mosaic_without_faces() -> None:
    empty = [Augmented(one.image, np.zeros((0, 4), np.float32), np.zeros(0, bool)) for one in views()]
    out = mosaic(empty, 96, np.random.default_rng(0))
    assert (out.boxes.shape, out.ignored.shape, out.ignored.dtype) == ((0, 4), (0,), bool)
