"""WIDER FACE's official evaluation: golden figures and hand-made cases."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.boxes import boxes, detections

from facedet.data.structures import NO_DETECTIONS, Detections
from facedet.evaluation.metrics.heights import ap64_curve, height_curve
from facedet.evaluation.metrics.wider import WiderTruth, wider_curves

GoldenWider = tuple[WiderTruth, list[Detections]]


def test_the_ground_truth_is_complete(golden_wider: GoldenWider) -> None:
    truth, _ = golden_wider
    assert (len(truth.names), sum(map(len, truth.boxes))) == (3226, 39708)
    assert [sum(int(c.sum()) for c in truth.counts[s]) for s in ("easy", "medium", "hard")] == [7211, 13319, 31958]


def test_the_figures_equal_those_of_the_reference_evaluators(golden_wider: GoldenWider, golden: Path) -> None:
    truth, found = golden_wider
    expected = json.loads((golden / "expected.json").read_text())
    for setting, curve in wider_curves(truth, found).items():
        assert curve.area == pytest.approx(expected["wider"][setting], abs=1e-6)
    assert ap64_curve(truth.boxes, found).area == pytest.approx(expected["ap64"], abs=1e-6)


def truth_of(boxes_: np.ndarray, counts: list[bool]) -> WiderTruth:
    kept = {setting: [np.array(counts)] for setting in ("easy", "medium", "hard")}
    return WiderTruth(["0--Event/one"], [boxes_], kept)


@pytest.mark.parametrize(
    ("found", "counts", "area"),
    [
        ([(0, 0, 9, 9, 0.9)], [True, True], 0.5),
        ([(0, 0, 9, 9, 0.9), (50, 50, 9, 9, 0.8)], [True, True], 1.0),
        (
            [(0, 0, 9, 9, 0.9), (0, 0, 9, 9, 0.8), (50, 50, 9, 9, 0.1)],
            [True, True],
            0.5 + 0.5 * 2 / 3,
        ),  # the second match of a face is a false positive
        ([(0, 0, 9, 9, 0.9), (50, 50, 9, 9, 0.8)], [False, True], 1.0),  # the match of an ignored face is not counted
        ([(200, 200, 9, 9, 0.9), (50, 50, 9, 9, 0.1)], [False, True], 0.5),
    ],
)
def test_the_protocol_on_one_image(found: list, counts: list[bool], area: float) -> None:
    truth = truth_of(boxes((0, 0, 9, 9), (50, 50, 9, 9)), counts)
    assert wider_curves(truth, [detections(*found)])["easy"].area == pytest.approx(area)


def test_no_detections_give_an_ap_of_zero() -> None:
    truth = truth_of(boxes((0, 0, 9, 9)), [True])
    assert wider_curves(truth, [NO_DETECTIONS])["hard"].area == 0
    assert ap64_curve([boxes((0, 0, 70, 70))], [NO_DETECTIONS]).area == 0
    assert height_curve([boxes()], [NO_DETECTIONS], 0, 100).area == 0
