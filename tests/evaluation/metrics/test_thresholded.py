"""Recall, precision and false alarms above a threshold, in resamples."""

import numpy as np
import pytest
from helpers.coco_judge import draw_image

from facedet.evaluation.metrics.bootstrap import resample_counts
from facedet.evaluation.metrics.curve import Matched
from facedet.evaluation.metrics.heights import height_matches
from facedet.evaluation.metrics.thresholded import equal_alarms_figure, threshold_figures, threshold_of_alarms

ONE = Matched(np.array([0.9, 0.5, 0.4]), np.array([True, False, True]), np.array([False, True, False]))
TWO = Matched(np.array([0.8, 0.3]), np.array([False, True]), np.array([True, False]))
FACES = np.array([2, 2])
COUNTS = np.array([[1, 1], [2, 0], [0, 2]])


def test_shares_above_a_threshold() -> None:
    done = threshold_figures([ONE, TWO], FACES, 0.4).values(COUNTS)  # 0.4 itself is not shown
    assert done["recall"].tolist() == [1 / 4, 2 / 4, 0]
    assert done["precision"].tolist() == [1 / 3, 1 / 2, 0]
    assert done["false alarms"].tolist() == [1, 1, 1]
    assert np.isnan(threshold_figures([ONE, TWO], FACES, 0.95).values(COUNTS)["precision"]).all()
    assert np.isnan(threshold_figures([ONE, TWO], FACES * 0, 0.4).values(COUNTS)["recall"]).all()


def test_recall_at_the_false_alarms_of_another_model() -> None:
    none = [Matched(np.zeros(0), np.zeros(0, bool), np.zeros(0, bool))] * 2
    done = equal_alarms_figure([ONE, TWO], FACES, none, 0.5, most=2).values(COUNTS)
    assert done["recall"].tolist() == [1 / 4, 2 / 4, 0]  # no false alarm is allowed
    done = equal_alarms_figure([ONE, TWO], FACES, [ONE, TWO], 0.6, most=2).values(COUNTS)
    assert done["recall"].tolist() == [1 / 4, 2 / 4, 2 / 4]  # one, none and two are allowed


def test_recall_is_that_at_the_threshold_of_so_many_false_alarms() -> None:
    rng = np.random.default_rng(1)
    photos, found = zip(*(draw_image(rng, whole=False) for _ in range(12)), strict=True)
    boxes, ignored = [p.boxes for p in photos], [p.ignored for p in photos]
    images, faces = height_matches(boxes, found, 0, np.inf, ignored)
    for row in resample_counts([[k] for k in range(12)], 20):
        repeated = np.repeat(np.arange(12), row)
        drawn = [images[k] for k in repeated]
        allowed = sum(int((each.wrong & (each.scores > 0.8)).sum()) for each in drawn)
        threshold = threshold_of_alarms(drawn, allowed)
        expected = sum(int((each.right & (each.scores > threshold)).sum()) for each in drawn) / faces[repeated].sum()
        figure = equal_alarms_figure(images, faces, images, 0.8, int(row.max()))
        assert figure.values(row[None])["recall"] == pytest.approx(expected)


def test_without_enough_false_alarms_everything_is_shown() -> None:
    assert threshold_of_alarms([ONE, TWO], 2) == 0
    assert threshold_of_alarms([ONE, TWO], 1) == 0.5
    assert threshold_of_alarms([ONE, TWO], 0) == 0.8
