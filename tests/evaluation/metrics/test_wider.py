"""The official WIDER FACE protocol and the card's metric: golden figures and hand-made cases."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from helpers.boxes import boxes, detections

from facedet.cli import main
from facedet.core.data.structures import Detections
from facedet.core.evaluation.metrics.heights import ap64_curve, height_curve
from facedet.core.evaluation.metrics.wider import WiderTruth, read_truth, wider_curves
from facedet.core.evaluation.predictions import NO_DETECTIONS, read_predictions, write_wider


@pytest.fixture(scope="module")
def golden(reference: Path) -> Path:
    folder = reference.parent / "golden" / "wider"
    if not folder.is_dir():
        pytest.skip(f"no {folder}: the field's evaluators' figures lie there")
    return folder


@pytest.fixture(scope="module")
def wider(golden: Path) -> tuple[WiderTruth, list[Detections]]:
    truth = read_truth(golden)
    rows = np.load(golden / "predictions.npz")["detections"]
    ends = np.searchsorted(rows[:, 0], np.arange(len(truth.names) + 1))
    return truth, [detections(*rows[a:b, 1:]) for a, b in itertools.pairwise(ends)]


def test_the_ground_truth_is_wider_faces(wider) -> None:
    truth, _ = wider
    assert (len(truth.names), sum(map(len, truth.boxes))) == (3226, 39708)
    assert [sum(int(c.sum()) for c in truth.counts[s]) for s in ("easy", "medium", "hard")] == [7211, 13319, 31958]


def test_the_figures_are_the_reference_evaluators(wider, golden: Path) -> None:
    truth, found = wider
    expected = json.loads((golden / "expected.json").read_text())
    for setting, curve in wider_curves(truth, found).items():
        assert curve.area == pytest.approx(expected["wider"][setting], abs=1e-6)
    assert ap64_curve(truth.boxes, found).area == pytest.approx(expected["ap64"], abs=1e-6)


def test_the_official_layout_holds_the_same(wider, golden: Path, tmp_path: Path) -> None:
    truth, found = wider
    some = [k for k, name in enumerate(truth.names) if name.startswith(("0--", "1--"))]
    write_wider({truth.names[k]: found[k] for k in some}, tmp_path)
    lines = (tmp_path / f"{truth.names[some[0]]}.txt").read_text().splitlines()
    assert lines[0] == f"{truth.names[some[0]]}.jpg"
    assert int(lines[1]) == len(lines) - 2 == len(found[some[0]].scores)
    read = read_predictions(tmp_path)
    for k in some:
        np.testing.assert_allclose(read[truth.names[k]].boxes, found[k].boxes, atol=2e-3)
        np.testing.assert_allclose(read[truth.names[k]].scores, found[k].scores, atol=1e-6)


def test_predictions_and_ground_truth_need_no_pictures(wider, golden: Path, tmp_path: Path) -> None:
    truth, found = wider
    write_wider(dict(zip(truth.names, found, strict=True)), tmp_path / "predictions")
    options = ["--predictions", tmp_path / "predictions", "--wider-ground-truth", golden, "--json", tmp_path / "e.json"]
    done = CliRunner().invoke(main, ["evaluate", *map(str, options), "--report", str(tmp_path / "report")])
    assert done.exit_code == 0, done.output
    written, expected = (json.loads(p.read_text()) for p in (tmp_path / "e.json", golden / "expected.json"))
    assert written["wider"] == pytest.approx(expected["wider"], abs=1e-6)
    assert written["ap64"] == pytest.approx(expected["ap64"], abs=1e-6)
    assert "coco" not in written
    assert (tmp_path / "report" / "curves.png").stat().st_size > 10_000


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
        ),  # a second hit is a proposal
        ([(0, 0, 9, 9, 0.9), (50, 50, 9, 9, 0.8)], [False, True], 1.0),  # the ignored face's is neither
        ([(200, 200, 9, 9, 0.9), (50, 50, 9, 9, 0.1)], [False, True], 0.5),
    ],
)
def test_the_wider_protocol_on_one_picture(found: list, counts: list[bool], area: float) -> None:
    truth = truth_of(boxes((0, 0, 9, 9), (50, 50, 9, 9)), counts)
    assert wider_curves(truth, [detections(*found)])["easy"].area == pytest.approx(area)


def test_nothing_found_is_nothing_scored() -> None:
    truth = truth_of(boxes((0, 0, 9, 9)), [True])
    assert wider_curves(truth, [NO_DETECTIONS])["hard"].area == 0
    assert ap64_curve([boxes((0, 0, 70, 70))], [NO_DETECTIONS]).area == 0
    assert height_curve([boxes()], [NO_DETECTIONS], 0, 100).area == 0


@pytest.mark.parametrize(
    ("found", "area"),
    [
        ([(0, 0, 80, 80, 0.9)], 1.0),
        ([(0, 0, 80, 80, 0.9), (0, 0, 80, 80, 0.8)], 1.0),  # the second is wrong, but after all is found
        ([(0, 0, 79, 80, 0.9), (200, 0, 30, 30, 0.95), (205, 5, 20, 20, 0.95)], 1.0),  # a small face's are neither
        ([(400, 400, 50, 50, 0.95), (0, 0, 80, 80, 0.9)], 0.5),
        ([(0.4, 0.4, 79.8, 79.8, 0.9)], 1.0),
    ],
)
def test_the_cards_metric_on_one_picture(found: list, area: float) -> None:
    faces = boxes((0, 0, 80, 80), (200, 0, 30, 30))
    assert ap64_curve([faces], [detections(*found)]).area == pytest.approx(area)
