"""Intervals of an evaluation, of a detector whose detections are known."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from helpers.boxes import boxes, detections, photo

from facedet.cli import main
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.image import read_image, write_png
from facedet.data.structures import NO_DETECTIONS, Detections, Photo
from facedet.evaluation.draws import Draws
from facedet.evaluation.evaluate import METRICS, evaluate, evaluate_detections
from facedet.evaluation.intervals import evaluation_intervals
from facedet.evaluation.metrics.wider import SETTINGS, WiderTruth

IMAGES = 40


def half_found(images: int = IMAGES) -> tuple[list[Photo], list[Detections]]:
    """A large and a small face in every image; the small one is found in every second one."""
    large, small = (100, 100, 100, 100), (10, 10, 20, 20)
    photos = [photo(f"event/{k}.png", boxes(large, small)) for k in range(images)]
    found = [detections((*large, 0.9), *([(*small, 0.8)] if k % 2 else [])) for k in range(images)]
    return photos, found


def draws(images: int) -> Draws:
    return Draws([[k] for k in range(images)], images, 500)


def test_intervals_are_those_of_the_share_of_found_faces() -> None:
    photos, found = half_found()
    done = evaluation_intervals(photos, found, None, ("coco", "ap64"), draws(IMAGES))
    small = done.of["AP50 16 to 32 px"]
    assert (small.faces, small.images) == (40, 40)
    assert (small.low, small.high) == (pytest.approx(0.5 - 1.96 * 0.079, abs=0.03), pytest.approx(0.655, abs=0.03))
    large = done.of["ap64"]
    assert (large.low, large.high) == (pytest.approx(0.025 ** (1 / IMAGES)), 1)
    assert done.words("AP50 0 to 16 px") == "too few faces"
    coco = {f"coco {name}" for name in ("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large")}
    assert coco | {"ap64"} == {name for name in done.of if not name.startswith("AP50 ")}
    measured = evaluate_detections("m", photos, found, None, ("coco", "ap64")).metrics["coco"]
    for name, value in measured.items():
        limits = done.of[f"coco {name}"]
        assert limits.low is None or limits.low <= value <= limits.high  # type: ignore[operator]


def test_near_duplicates_widen_an_interval() -> None:
    photos, found = half_found(200)
    pairs = Draws([[k, k + 2] for k in range(200) if k % 4 < 2], 200)
    alone, together = (
        evaluation_intervals(photos, found, None, (), each).of["AP50 16 to 32 px"] for each in (draws(200), pairs)
    )
    width, wider = (each.high - each.low for each in (alone, together))  # type: ignore[operator]
    assert wider == pytest.approx(width * np.sqrt(2), rel=0.15)
    assert together.images == 100


def test_images_of_wider_face_that_the_dataset_lacks_are_drawn_too() -> None:
    photos, found = half_found()
    names = [f"event/{k}" for k in reversed(range(IMAGES + 20))]  # another order
    every = [photos[0].boxes.astype(float)] * len(names)
    truth = WiderTruth(names, every, {name: [np.array([True, True])] * len(names) for name in SETTINGS})
    photos = [Photo(Path("event") / p.path.name, 500, 500, p.boxes, p.ignored) for p in photos]
    limits = evaluation_intervals(photos, found, truth, METRICS, draws(IMAGES)).of["wider hard"]
    without = evaluation_intervals([], [*[NO_DETECTIONS] * 20, *found[::-1]], truth, ("wider",), draws(IMAGES + 20))
    area = evaluate_detections("m", photos, found, truth, ("wider",)).metrics["wider"]["hard"]
    assert (limits.faces, limits.images) == (120, 60)
    assert area == pytest.approx(0.5)
    assert limits.low < area < limits.high  # type: ignore[operator]
    assert without.of["wider hard"].low == pytest.approx(limits.low, abs=0.03)


@pytest.fixture
def stored(drawn: Path, tmp_path: Path) -> Path:
    """Stored predictions of a detector that finds every first face of an image."""
    rows = []
    for each in read_dataset(DatasetSource(drawn / "train.json")).photos:
        x1, y1, x2, y2 = each.boxes[0].tolist()
        rows.append({"file_name": each.path.name, "bbox": [x1, y1, x2 - x1, y2 - y1], "score": 0.9})
    (tmp_path / "detections.json").write_text(json.dumps(rows))
    return tmp_path / "detections.json"


def test_every_figure_of_a_table_has_its_interval(drawn: Path, stored: Path, tmp_path: Path) -> None:
    command = ["evaluate", "--predictions", stored, drawn / "train.json", "--resamples", "200"]
    options = ["--json", tmp_path / "e.json", "--report", tmp_path / "report"]
    done = CliRunner().invoke(main, [*map(str, command), *map(str, options)])
    assert done.exit_code == 0, done.output
    assert "95 % intervals by 200 resamples of 24 images" in done.output
    for text in (tmp_path / "e.json", tmp_path / "report" / "evaluation.json"):
        written = json.loads(text.read_text())
        of = written["intervals"]["of"]
        assert of["coco AP"]["low"] < written["coco"]["AP"] < of["coco AP"]["high"]
        assert {key: written["intervals"][key] for key in ("resamples", "images", "groups")} == {
            "resamples": 200,
            "images": 24,
            "groups": 24,
        }
        words = f"{100 * of['coco AP']['low']:.1f} to {100 * of['coco AP']['high']:.1f}"
        assert words in done.output
        assert words in (tmp_path / "report" / "evaluation.html").read_text()
    again = CliRunner().invoke(main, [*map(str, command)])
    assert words in again.output  # the same images give the same intervals


def test_no_resamples_give_no_intervals(drawn: Path, stored: Path) -> None:
    done = evaluate(None, drawn / "train.json", predictions=stored, resamples=0)
    assert done.intervals is None
    assert done.as_dict()["intervals"] is None
    few = CliRunner().invoke(main, ["evaluate", "m.xml", "set", "--resamples", "5"])
    assert few.output.splitlines()[-1].endswith("--resamples 5: give 100 or more, or 0 for no intervals")


def test_near_duplicates_are_found_in_images_that_are_read_for_it(drawn: Path, stored: Path, tmp_path: Path) -> None:
    shutil.copytree(drawn, tmp_path / "set")
    first, second = sorted((tmp_path / "set" / "images").glob("train-*.png"))[:2]
    write_png(read_image(first), second)
    done = evaluate(None, tmp_path / "set" / "train.json", predictions=stored, resamples=100)
    assert done.intervals is not None
    assert len(done.intervals.draws.groups) == 23
