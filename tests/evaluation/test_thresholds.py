"""Thresholds of a known detector on drawn faces: table, intervals, targets; and a copy of a model with its own."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from facedet.cli import main
from facedet.common.errors import UserError
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.fingerprint import fingerprint
from facedet.evaluation.metrics.bootstrap import count_chunks
from facedet.evaluation.metrics.curve import Matched
from facedet.evaluation.metrics.operating import BEST_F1, Target
from facedet.evaluation.thresholds import DetectorFacts, Thresholds, measure_thresholds
from facedet.inference.session import open_session
from facedet.weights.operating_point import OperatingPoint


def run(*words: object) -> Result:
    return CliRunner().invoke(main, list(map(str, words)))


@pytest.fixture
def known(drawn: Path, tmp_path: Path) -> tuple[Path, int, int]:
    """Stored detections of a detector that finds every drawn face but one, with scores of 0.61 and more, and has three
    false alarms, with 0.55, 0.45 and 0.35. Returns the file and the numbers of images and faces."""
    photos = read_dataset(DatasetSource(drawn / "val.json")).photos
    faces = [(photo, box) for photo in photos for box in photo.boxes[~photo.ignored]]
    rows = []
    for k, (photo, (x1, y1, x2, y2)) in enumerate(faces[:-1]):
        box = [float(x1), float(y1), float(x2 - x1), float(y2 - y1)]
        rows.append({"file_name": photo.path.name, "bbox": box, "score": 0.61 + 0.02 * k})
    for k, score in enumerate((0.55, 0.45, 0.35)):
        rows.append({"file_name": photos[k].path.name, "bbox": [0, 0, 2, 2], "score": score})
    (tmp_path / "known.json").write_text(json.dumps(rows))
    return tmp_path / "known.json", len(photos), len(faces)


@pytest.mark.parametrize(
    ("option", "threshold", "wrong"),
    [((), 0.58, 0), (("--min-precision", 0.99), 0.58, 0), (("--max-false-alarms", 0.1), 0.58, 0)],
)
def test_the_threshold_of_a_known_detector(
    known: tuple[Path, int, int], drawn: Path, tmp_path: Path, option: tuple, threshold: float, wrong: int
) -> None:
    stored, images, faces = known
    report = ("--json", tmp_path / "e.json", "--report", tmp_path / "report")
    done = run("evaluate", "--predictions", stored, drawn / "val.json", *option, *report)
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "e.json").read_text())["thresholds"]
    recall = (faces - 1) / faces
    assert found["point"]["threshold"] == threshold
    assert (found["point"]["precision"], found["point"]["recall"]) == (1, pytest.approx(recall))
    assert (found["point"]["images"], found["point"]["faces"]) == (images, faces)
    assert found["point"]["dataset"] == fingerprint(read_dataset(DatasetSource(drawn / "val.json")).photos)["digest"]
    rows = {row["threshold"]: row for row in found["rows"]}
    assert (rows[0.4]["precision"], rows[0.4]["false_alarms"]) == (pytest.approx((faces - 1) / (faces + 1)), 2 / images)
    assert rows[0.3]["why"] == ["the default"]
    assert not rows[0.3]["optimistic"]
    assert rows[threshold]["optimistic"]
    assert f"score 0.58 ({found['target']}" in done.output.replace("best F1, ", "")
    assert f"precision 100.0 % ({100 * (1 - 3 / (faces - 1)):.1f} to 100.0), recall {100 * recall:.1f} %" in done.output
    assert "chosen on these images, so optimistic" in done.output
    assert "threshold 0.3: nothing was measured" in done.output
    assert "scores are not probabilities: expected calibration error" in done.output
    if option:
        assert "are too few to show" in done.output
    page = (tmp_path / "report" / "evaluation.html").read_text()
    assert "<td>0.58<td>100.0 %" in page
    assert page.count("data:image/png;base64,") == 2


def test_a_target_out_of_reach_is_said_and_not_stored(
    known: tuple[Path, int, int], exported: dict[str, Path], drawn: Path, tmp_path: Path
) -> None:
    done = run("evaluate", "--predictions", known[0], drawn / "val.json", "--min-recall", 1)
    assert done.exit_code == 0
    assert f"no score gives recall of 1 or more: the highest is {100 * 13 / 14:.1f} %, with all" in done.output
    options = ("--min-precision", 1, "--min-recall", 1)
    refused = run("evaluate", exported["fp32"], drawn / "val.json", *options)
    assert (refused.exit_code, refused.output.count("\n")) == (2, 1)
    options = ("--max-false-alarms", 0, "--store-threshold", tmp_path / "new.xml")
    refused = run("evaluate", exported["fp32"], drawn / "val.json", "--min-recall", 1, *options[2:])
    assert refused.exit_code == 2
    assert "no score gives recall of 1 or more" in refused.output.splitlines()[-1]
    assert not (tmp_path / "new.xml").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--predictions p set --store-threshold new.xml", "is a copy of MODEL; give one instead of --predictions"),
        ("m.xml set --store-threshold new.onnx", "is a copy of m.xml; give a name that ends in .xml"),
        ("m.xml set --min-precision 99", "--min-precision 99: give a number from 0 to 1"),
    ],
)
def test_what_cannot_be_stored_is_refused_before_anything_is_read(words: str, said: str) -> None:
    done = run("evaluate", *words.split())
    assert done.exit_code == 2
    assert said in done.output.splitlines()[-1]


@pytest.mark.parametrize("form", ["checkpoint", "onnx", "fp32", "fp16"])
def test_a_copy_shows_above_the_threshold_that_was_chosen(
    form: str, exported: dict[str, Path], trained: Path, drawn: Path, tmp_path: Path
) -> None:
    model = trained / "best.pth" if form == "checkpoint" else exported[form]
    new = tmp_path / f"new{model.suffix}"
    options = ("--max-false-alarms", 2, "--store-threshold", new, "--json", tmp_path / "e.json")
    done = run("evaluate", model, drawn / "val.json", *options)
    assert done.exit_code == 0, done.output
    point = OperatingPoint.of(json.loads((tmp_path / "e.json").read_text())["thresholds"]["point"])
    before, after = open_session(model), open_session(new)
    assert after.operating_point == point
    assert point.chosen == "at most 2 false alarms an image"
    assert (after.weights, after.nms_rule, after.variant) == (before.weights, before.nms_rule, before.variant)
    image = np.random.default_rng(0).uniform(0, 255, (1, 3, *before.size)).astype(np.float32)
    np.testing.assert_array_equal(before.run(image), after.run(image))
    if model.suffix == ".xml":
        assert model.with_suffix(".bin").read_bytes() == new.with_suffix(".bin").read_bytes()
        assert f'<confidence_threshold value="{point.threshold}"' in new.read_text("utf-8", "replace")
    damaged = new.read_bytes().replace(b"max_boxes", b"max_boxen")
    if model.suffix != ".pth":  # sealed like an export
        assert damaged != new.read_bytes()
        new.write_bytes(damaged)
        with pytest.raises(UserError, match="damaged, or edited, since it was written"):
            open_session(new)
    again = run("evaluate", model, drawn / "val.json", "--store-threshold", model)
    assert again.exit_code == 2
    assert "which is only read" in again.output


def noise(seed: int, images: int = 40) -> tuple[list[Matched], np.ndarray]:
    """A detector whose scores say nothing: half of its detections are right at any score; every face is found."""
    rng = np.random.default_rng(seed)
    matched = []
    for _ in range(images):
        right = rng.random(6) < 0.5
        matched.append(Matched(np.sort(rng.random(6))[::-1], right, ~right))
    return matched, np.array([int(each.right.sum()) for each in matched])


def overlapping(seed: int, images: int = 60) -> tuple[list[Matched], np.ndarray]:
    """A detector that finds three faces in each image, and ten false alarms with scores that reach into theirs."""
    rng = np.random.default_rng(seed)
    matched, right = [], np.arange(13) < 3
    for _ in range(images):
        logits = rng.normal(np.where(right, 1.2, -1.5 + rng.normal(0, 0.6)), 1)
        order = np.argsort(-logits)
        matched.append(Matched(1 / (1 + np.exp(-logits[order])), right[order], ~right[order]))
    return matched, np.full(images, 3)


def test_the_interval_of_a_chosen_threshold_includes_the_choice() -> None:
    """It reaches further down than that of the same threshold, given; bench/threshold_coverage.py measures how well."""
    lower = 0
    for seed in range(8):
        matched, faces = overlapping(seed)
        row = measure_thresholds(matched, faces, target=Target(min_precision=0.95)).found
        assert row is not None
        given = DetectorFacts(OperatingPoint(row.threshold, chosen="given at export"))
        fixed = measure_thresholds(matched, faces, given).own_row
        assert (row.optimistic, fixed.optimistic) == (True, False)
        (low, high), (fixed_low, fixed_high) = (
            row.intervals["precision"] or (1, 0),
            fixed.intervals["precision"] or (1, 0),
        )
        assert low <= fixed_low < fixed_high <= high
        lower += low < fixed_low
    assert lower >= 4


def test_equal_calls_give_equal_results_and_groups_widen_intervals() -> None:
    matched, faces = noise(3)
    first, second = (measure_thresholds(matched, faces) for _ in range(2))
    assert first.as_dict() == second.as_dict()
    doubled = [each for each in matched for _ in range(2)], np.repeat(faces, 2)
    apart = measure_thresholds(*doubled)
    together = measure_thresholds(*doubled, draws=count_chunks([[2 * k, 2 * k + 1] for k in range(len(matched))]))

    def width(done: Thresholds) -> float:
        low, high = done.own_row.intervals["precision"] or (0, 0)
        return high - low

    assert width(together) == pytest.approx(width(first), rel=0.1)
    assert width(apart) == pytest.approx(width(first) / np.sqrt(2), rel=0.1)


def test_a_models_own_threshold_is_optimistic_on_the_images_that_chose_it() -> None:
    matched, faces = noise(0)
    point = OperatingPoint(0.2, 0.5, 0.8, 0.6, 1.0, 40, 120, dataset="these", chosen="best F1")
    for own, dataset, optimistic in (
        (point, "these", True),
        (point, "others", False),
        (OperatingPoint(0.2, chosen="given at export"), "", False),
        (replace(point, threshold=0.3), "these", True),
    ):
        done = measure_thresholds(matched, faces, DetectorFacts(own), BEST_F1, dataset)
        assert (done.own_row.threshold, done.own_row.optimistic) == (own.threshold, optimistic)
        assert done.own_row.why[0] == "the model's own"


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (Target(min_recall=0.95), "20 faces are too few to show recall of 0.95 or more: this takes about 60"),
        (Target(min_precision=1), "no number of detections can show precision of 1 or more"),
        (Target(max_false_alarms=0.1), "10 images are too few to show at most 0.1 false alarms an image: this takes"),
        (Target(min_precision=0.8), ""),
    ],
)
def test_it_is_said_if_so_few_faces_cannot_show_it(target: Target, said: str) -> None:
    right = np.array([True, True])
    matched = [Matched(np.array([0.9, 0.8]), right, ~right)] * 10
    notes = measure_thresholds(matched, np.full(10, 2), target=target).notes
    assert notes[0].startswith(said) if said else not notes


def test_nothing_to_measure_is_no_error() -> None:
    empty = Matched(np.zeros(0), np.zeros(0, bool), np.zeros(0, bool))
    for matched, faces in (([], np.zeros(0, int)), ([empty], np.array([0])), ([empty], np.array([2]))):
        done: Any = measure_thresholds(matched, faces)
        reason = "no face is detected at any score" if faces.any() else "the dataset has no face that counts"
        assert done.notes == [f"no score gives best F1: {reason}"]
        assert done.point is None
        json.dumps(done.as_dict(), allow_nan=False)
