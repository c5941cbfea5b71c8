"""Thresholds: the rates of each, and the one that meets a target."""

from typing import Any

import numpy as np
import pytest
from helpers.boxes import boxes, detections, photo

from facedet.common.errors import UserError
from facedet.data.structures import Detections
from facedet.evaluation.metrics.curve import Matched
from facedet.evaluation.metrics.heights import height_matches
from facedet.evaluation.metrics.operating import BEST_F1, ScoreCurve, Target, chosen_point, counts_at, score_curve


def matched(scores: Any, right: Any, wrong: Any = None, kind: Any = np.float32) -> Matched:
    right = np.array(right, bool)
    return Matched(np.array(scores, kind), right, ~right if wrong is None else np.array(wrong, bool))


KNOWN = [  # 4 faces in 2 images
    matched([0.9, 0.7, 0.5, 0.3], [True, True, False, True]),
    matched([0.8, 0.6, 0.2], [False, False, True]),
]


@pytest.mark.parametrize(
    ("target", "threshold", "right", "wrong"),
    [
        (Target(), 0.25, 3, 3),  # F1 0.6; 2 right, 1 wrong would have 4 / 7
        (Target(min_precision=1), 0.85, 1, 0),
        (Target(min_precision=0.6), 0.65, 2, 1),
        (Target(min_recall=0.5), 0.65, 2, 1),
        (Target(min_recall=1), 0.1, 4, 3),
        (Target(max_false_alarms=0), 0.85, 1, 0),
        (Target(max_false_alarms=1), 0.65, 2, 1),
        (Target(max_false_alarms=1.5), 0.1, 4, 3),
    ],
)
def test_a_known_detector_gets_the_threshold_in_the_middle(
    target: Target, threshold: float, right: int, wrong: int
) -> None:
    images = [*KNOWN] if target != BEST_F1 else [KNOWN[0], matched([0.8, 0.6, 0.2], [False, False, False])]
    point = chosen_point(score_curve(images, 4), target)
    assert point is not None
    assert point.threshold == threshold
    assert point.precision == pytest.approx(right / (right + wrong))
    assert point.recall == pytest.approx(right / 4)
    assert point.f1 == pytest.approx(2 * right / (right + wrong + 4))
    assert point.false_alarms == pytest.approx(wrong / 2)
    assert (point.images, point.faces, point.chosen) == (2, 4, str(target))


@pytest.mark.parametrize(
    ("target", "missed"),
    [
        (Target(min_precision=0.9), "the highest is 50.0 %, above 0.65"),
        (Target(min_recall=0.9), "the highest is 50.0 %, with all detections"),
        (Target(max_false_alarms=0.2), "the fewest are 0.5, above 0.65"),
    ],
)
def test_what_is_out_of_reach_is_said(target: Target, missed: str) -> None:
    curve = score_curve([matched([0.8, 0.7, 0.6], [False, True, False]), matched([], [])], 2)
    assert chosen_point(curve, target) is None
    assert target.missed(curve) == missed


def test_without_a_right_detection_there_is_no_threshold() -> None:
    for images in ([matched([0.8], [False])], [matched([], [])], []):
        curve = score_curve(images, 3)
        assert chosen_point(curve, BEST_F1) is None
        assert BEST_F1.missed(curve) == "no face is detected at any score"


@pytest.mark.parametrize("target", [Target(), Target(0.7), Target(None, 0.4), Target(None, None, 0.5)])
def test_no_threshold_is_better_than_the_chosen_one(target: Target) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        images = []
        for _ in range(5):
            scores = np.sort(rng.integers(1, 30, 12))[::-1] / 30
            right = rng.random(12) < scores
            images.append(matched(scores, right, ~right & (rng.random(12) < 0.9)))
        faces = sum(int(image.right.sum()) for image in images) + 3
        point = chosen_point(score_curve(images, faces), target)
        reached = []
        for threshold in np.arange(30) / 30 - 1 / 60:
            hits, wrong = (
                sum(int((part(image) & (image.scores > threshold)).sum()) for image in images)
                for part in (lambda image: image.right, lambda image: image.wrong)
            )
            precision, recall, alarms = hits / max(hits + wrong, 1), hits / faces, wrong / 5
            if target.min_precision is not None and precision >= target.min_precision:
                reached.append(recall)
            elif target.min_recall is not None and recall >= target.min_recall:
                reached.append(precision)
            elif target.max_false_alarms is not None and alarms <= target.max_false_alarms:
                reached.append(recall)
            elif target == BEST_F1:
                reached.append(2 * hits / (hits + wrong + faces))
        if point is None:
            assert not any(reached)
        else:
            own = {0: point.precision, 1: point.recall, 2: point.f1}[1 if str(target)[0] in "pa" else 2]
            own = point.precision if target.min_recall is not None else own
            assert own == pytest.approx(max(reached))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_a_rounded_threshold_shows_the_same_boxes(kind: type) -> None:
    rng = np.random.default_rng(1)
    base = rng.random(200)
    close = np.nextafter(base[:100].astype(kind), kind(1))  # neighbours that differ in their last bit
    scores = np.sort(np.concatenate([base.astype(kind), close]))[::-1]
    curve = score_curve([matched(scores, np.ones(300, bool), kind=kind)], 300)
    found = Detections(np.zeros((300, 4)), scores)
    digits = []
    for point, score in enumerate(curve.scores):
        threshold = curve.threshold(point)
        shown = found.above(threshold).scores
        assert (len(shown), shown[-1]) == (int((scores >= score).sum()), score)
        digits.append(len(str(threshold)))
    assert np.median(digits) <= 6  # 0.1234


def test_a_threshold_is_not_below_what_the_model_gives_at_all() -> None:
    curve = score_curve([matched([0.03], [True])], 1)
    assert curve.threshold(0) == pytest.approx(0.015)
    assert curve.threshold(0, lowest=0.02) == pytest.approx(0.025)


def test_detections_that_do_not_count_bound_the_threshold_too() -> None:
    curve: ScoreCurve = score_curve([matched([0.9, 0.8], [True, False], [False, False])], 1)
    assert curve.threshold(0) == 0.85
    assert curve.rates.false_alarms.tolist() == [0]


def test_ignored_faces_are_as_in_evaluation() -> None:
    faces = boxes((0, 0, 40, 40), (100, 100, 40, 40))
    image = photo("x", faces, False, True)
    found = detections((0, 0, 40, 40, 0.9), (100, 100, 40, 40, 0.8), (200, 200, 40, 40, 0.7), (1, 0, 40, 40, 0.6))
    (one,), counts = height_matches([image.boxes], [found], 0, np.inf, [image.ignored])
    assert (one.right.tolist(), one.wrong.tolist()) == ([True, False, False, False], [False, False, True, True])
    assert counts.tolist() == [1]


def test_counts_are_those_above_each_threshold() -> None:
    right, wrong = counts_at(KNOWN, np.array([0.9, 0.65, 0.5, 0.1])).swapaxes(0, 1)
    assert right.tolist() == [[0, 2, 2, 3], [0, 0, 0, 1]]
    assert wrong.tolist() == [[0, 0, 0, 1], [0, 1, 2, 2]]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"min_precision": 99}, "--min-precision 99: give a number from 0 to 1, such as 0.95"),
        ({"min_recall": float("nan")}, "--min-recall nan: give a number from 0 to 1"),
        ({"max_false_alarms": -1}, "--max-false-alarms -1: give a number of 0 or more, such as 0.1"),
        ({"min_precision": 0.9, "min_recall": 0.9}, "--min-precision and --min-recall: give one of them"),
    ],
)
def test_an_impossible_target_is_refused(given: dict[str, float], said: str) -> None:
    with pytest.raises(UserError, match=said):
        Target(**given)
