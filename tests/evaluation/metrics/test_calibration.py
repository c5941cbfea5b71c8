"""The reliability curve and the calibration error."""

import numpy as np
import pytest

from facedet.evaluation.metrics.calibration import BINS, calibration
from facedet.evaluation.metrics.curve import Matched


def test_the_error_is_the_mean_distance_from_the_share_of_right_detections() -> None:
    scores = np.array([1.0, 0.9, 0.9, 0.9, 0.9, 0.35, 0.35], np.float64)
    right = np.array([True, True, True, False, False, True, False])
    uncounted = np.array([0.5])
    images = [Matched(scores, right, ~right), Matched(uncounted, np.array([False]), np.array([False]))]
    found = calibration(images)
    assert found.count.sum() == 7
    assert found.count[[BINS - 1, BINS - 2, 5]].tolist() == [1, 4, 2]
    assert found.error == pytest.approx((1 * 0 + 4 * 0.4 + 2 * 0.15) / 7)
    assert calibration(images, above=0.35).error == pytest.approx((1 * 0 + 4 * 0.4) / 5)


def test_scores_that_are_probabilities_have_no_error() -> None:
    rng = np.random.default_rng(0)
    scores = np.sort(rng.random(200_000))[::-1]
    right = rng.random(len(scores)) < scores
    assert calibration([Matched(scores, right, ~right)]).error == pytest.approx(0, abs=0.005)


def test_without_detections_there_is_no_error() -> None:
    assert calibration([]).error is None
