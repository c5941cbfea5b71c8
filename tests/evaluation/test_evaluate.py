"""Evaluation of models and of stored detections."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from facedet.cli import main
from facedet.data.dataset import DatasetSource
from facedet.data.structures import Detections
from facedet.evaluation.evaluate import evaluate
from facedet.evaluation.metrics.wider import WiderTruth
from facedet.evaluation.predictions import save_predictions
from facedet.weights.operating_point import OPERATING_POINT
from facedet.weights.torch_file import read_torch_file

GoldenWider = tuple[WiderTruth, list[Detections]]


def test_every_format_of_a_model_has_the_same_ap(
    exported: dict[str, Path], trained: Path, drawn: Path, tmp_path: Path
) -> None:
    source = DatasetSource(drawn / "val.json")
    done = [evaluate(path, source) for path in (trained / "best.pth", exported["onnx"], exported["fp32"])]
    assert done[0].metrics["coco"]["AP50"] > 0.05
    summary = json.loads((trained / "summary.json").read_text())
    assert done[0].metrics["coco"]["AP"] == pytest.approx(summary["best"]["AP"], abs=1e-3)  # the AP of validation
    point = read_torch_file(trained / "best.pth")["meta"][OPERATING_POINT]
    assert done[0].thresholds.own_row.threshold == point["threshold"]
    assert done[0].thresholds.own_row.values["f1"] == pytest.approx(point["f1"], abs=0.02)  # that of validation
    assert done[0].thresholds.own_row.optimistic  # by the fingerprint of the dataset
    for other in done[1:]:
        assert other.thresholds.own == done[0].thresholds.own
        assert other.metrics["coco"]["AP"] == pytest.approx(done[0].metrics["coco"]["AP"], abs=1e-3)
        assert other.metrics["ap64"] == pytest.approx(done[0].metrics["ap64"], abs=1e-3)
    save_predictions(done[2].names, done[2].detections, tmp_path / "all")
    again = evaluate(None, str(drawn / "val.json"), predictions=str(tmp_path / "all"))
    assert again.metrics["coco"]["AP"] == pytest.approx(done[2].metrics["coco"]["AP"], abs=1e-3)


def test_predictions_and_ground_truth_need_no_images(golden_wider: GoldenWider, golden: Path, tmp_path: Path) -> None:
    truth, found = golden_wider
    save_predictions(truth.names, found, tmp_path / "predictions")
    options = ["--predictions", tmp_path / "predictions", "--wider-ground-truth", golden, "--json", tmp_path / "e.json"]
    options += ["--resamples", 100]
    done = CliRunner().invoke(main, ["evaluate", *map(str, options), "--report", str(tmp_path / "report")])
    assert done.exit_code == 0, done.output
    written, expected = (json.loads(p.read_text()) for p in (tmp_path / "e.json", golden / "expected.json"))
    assert written["wider"] == pytest.approx(expected["wider"], abs=1e-6)
    assert written["ap64"] == pytest.approx(expected["ap64"], abs=1e-6)
    assert "coco" not in written
    assert (tmp_path / "report" / "curves.png").stat().st_size > 10_000
