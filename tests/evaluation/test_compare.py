"""Comparison of two models."""

import json
import re
from pathlib import Path

from click.testing import CliRunner
from helpers.boxes import boxes, detections, photo

from facedet.cli import main
from facedet.data.dataset import DatasetSource
from facedet.evaluation.compare import compare_models


def test_two_models_are_compared(exported: dict[str, Path], drawn: Path, tmp_path: Path) -> None:
    models = exported["fp32"], exported["fp16"]
    same = compare_models((models[0], models[0]), DatasetSource(drawn / "val.json"), threshold=0.05)
    assert same.gained == same.lost == []
    assert sum(row.both for row in same.sizes) > 0
    none = compare_models(models, DatasetSource(drawn / "val.json"), threshold=0.999)
    assert sum(row.both + row.gained + row.lost for row in none.sizes) == 0
    arguments = [
        *models,
        drawn / "val.json",
        "--report",
        tmp_path,
        "--json",
        tmp_path / "c.json",
        "--threshold",
        "0.05",
    ]
    done = CliRunner().invoke(main, ["compare", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    assert re.search(r"faces: \d+ gained, \d+ lost; false positives: \d+ before, \d+ now", done.output)
    written = json.loads((tmp_path / "comparison.json").read_text())
    assert written == json.loads((tmp_path / "c.json").read_text())
    assert (written["images"], written["thresholds"]) == (8, [0.05, 0.05])
    assert f"is the second better, by AP? {written['paired']['verdict']}" in done.output.splitlines()
    assert written["paired"]["verdict"] == "these 8 images cannot tell: too few faces"
    page = (tmp_path / "comparison.html").read_text()
    assert "Is the second model better? these 8 images cannot tell: too few faces" in page
    assert all(row["name"] in page for row in written["paired"]["differences"])


def test_each_model_counts_above_its_own_threshold() -> None:
    from facedet.evaluation import compare

    photos = [photo("a.png", boxes((0, 0, 20, 20), (100, 100, 100, 100)))]
    found = detections((0, 0, 20, 20, 0.5), (100, 100, 100, 100, 0.9), (300, 300, 50, 50, 0.6))
    done = compare.compare_detections((Path("x"), Path("y")), (0.4, 0.7), photos, [[found], [found]], [])
    assert (len(done.gained), len(done.lost)) == (0, 1)
    assert [len(of_model) for of_model in done.false_positives] == [1, 0]
    assert done.paired is None


def test_gained_and_lost_faces_are_counted_by_height() -> None:
    from facedet.evaluation import compare

    faces = boxes((0, 0, 20, 20), (100, 100, 100, 100), (250, 0, 100, 100))
    photos = [photo("a.png", faces)]
    first = detections((0, 0, 20, 20, 0.9), (100, 100, 100, 100, 0.9))
    second = detections((100, 100, 100, 100, 0.9), (250, 0, 100, 100, 0.9), (400, 400, 20, 20, 0.9))
    done = compare.compare_detections((Path("x"), Path("y")), (0.3, 0.3), photos, [[first], [second]], [])
    by_size = {(r.lowest, r.highest): (r.faces, r.both, r.gained, r.lost) for r in done.sizes if r.faces}
    assert by_size == {(16, 32): (1, 0, 0, 1), (64, 128): (2, 1, 1, 0)}
    assert [c.height for c in done.gained] == [100]
    assert [len(of_model) for of_model in done.false_positives] == [0, 1]
