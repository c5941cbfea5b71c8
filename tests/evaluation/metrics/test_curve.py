"""The area under a precision-recall curve, and the curve of many images."""

import numpy as np
import pytest

from facedet.evaluation.metrics.curve import Curve, Matched, curve_of


def test_the_area_uses_every_point() -> None:
    curve = Curve(np.array([0.5, 0.5, 1.0]), np.array([1.0, 0.5, 2 / 3]))
    assert curve.area == pytest.approx(0.5 + 0.5 * 2 / 3)


def test_the_curve_has_a_point_before_and_after_each_right_detection() -> None:
    first = Matched(np.array([0.9, 0.8, 0.5]), np.array([True, False, True]), np.array([False, True, False]))
    second = Matched(np.array([0.8, 0.6, 0.6]), np.array([True, False, False]), np.array([False, False, True]))
    curve = curve_of([first, second], faces=4)
    points = list(zip(curve.recall.tolist(), curve.precision.tolist(), strict=True))
    assert list(dict.fromkeys(points)) == [(0.25, 1), (0.25, 1 / 2), (0.5, 2 / 3), (0.5, 2 / 4), (0.75, 3 / 5)]
    nothing = Matched(np.zeros(0), np.zeros(0, bool), np.zeros(0, bool))
    assert len(curve_of([nothing], faces=4).recall) == 0


def test_a_curve_equals_that_of_all_detections_in_one_order() -> None:
    rng = np.random.default_rng(0)
    images = []
    for _ in range(30):
        right = rng.random(20) < 0.3
        images.append(Matched(np.sort(rng.integers(0, 40, 20))[::-1] / 40, right, ~right & (rng.random(20) < 0.8)))
    order = np.argsort(-np.concatenate([image.scores for image in images]), kind="stable")
    right, wrong = (np.concatenate([getattr(image, name) for image in images]) for name in ("right", "wrong"))
    hits, misses = right[order].cumsum(), wrong[order].cumsum()
    seen = hits + misses > 0
    every = Curve(hits[seen] / 200, hits[seen] / (hits + misses)[seen])
    assert curve_of(images, 200).area == pytest.approx(every.area, rel=1e-12)
