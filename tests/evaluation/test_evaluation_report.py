"""The HTML report of an evaluation."""

import json
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from facedet.cli import main
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.image import write_png
from facedet.data.structures import Photo
from facedet.evaluation.evaluation_report import draw_crops
from facedet.evaluation.metrics.faces import BoxInImage


def test_an_unreadable_image_is_reported_and_left_out(exported: dict[str, Path], drawn: Path, tmp_path: Path) -> None:
    shutil.copytree(drawn, tmp_path / "set")
    truncated = tmp_path / "set" / "images" / "val-002.png"
    truncated.write_bytes(truncated.read_bytes()[:2000])
    options = ["--report", tmp_path / "report", "--save-predictions", tmp_path / "predictions"]
    arguments = [exported["fp32"], tmp_path / "set" / "val.json", *options, "--metrics", "coco,ap64"]
    done = CliRunner().invoke(main, ["evaluate", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    assert "7 images" in done.output
    assert "left out: " in done.output
    assert "val-002.png" in done.output
    page = (tmp_path / "report" / "evaluation.html").read_text()
    assert "data:image/png;base64," in page
    assert len(list((tmp_path / "predictions" / "images").glob("*.txt"))) == 7
    assert {"coco", "ap64", "ap50_by_height", "worst_misses"} <= json.loads(
        (tmp_path / "report" / "evaluation.json").read_text()
    ).keys()


def test_boxes_outside_the_image_are_cropped(drawn: Path) -> None:
    (first, *_) = read_dataset(DatasetSource(drawn / "val.json")).photos
    outside = [
        BoxInImage(0, np.array(box, float)) for box in ([-200, 20, -150, 70], [0, 0, 60000, 60000], [5, 5, 25, 25])
    ]
    assert [image.shape for image in draw_crops([first], outside, (0, 0, 255))] == [(320, 320, 3)] * 3
    gone = Photo(Path("gone.png"), 9, 9, first.boxes, first.ignored)
    assert len(draw_crops([gone], outside, (0, 0, 255))) == 3


def test_the_crop_of_a_face_larger_than_its_photograph_takes_no_memory_outside(tmp_path: Path) -> None:
    image = np.full((2000, 3000, 3), (10, 20, 30), np.uint8)
    write_png(image, tmp_path / "photo.png")
    photo = Photo(tmp_path / "photo.png", 3000, 2000, np.zeros((0, 4)), np.zeros(0, bool))
    large, beside = np.array([-3000, -3000, 6000, 6000.0]), np.array([1e308, 0, 1.1e308, 9])
    tracemalloc.start()
    crops = draw_crops([photo], [BoxInImage(0, large), BoxInImage(0, beside)], (0, 0, 255))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * image.nbytes  # the canvas had 1.5 GB
    shown = (crops[0] == (10, 20, 30)).all(axis=2)
    rows, columns = (np.flatnonzero(shown.any(axis=axis)) for axis in (1, 0))
    assert len(columns) == pytest.approx(320 * 3000 / 22500, abs=1)
    assert len(rows) == pytest.approx(320 * 2000 / 22500, abs=1)
    assert (crops[1] == 235).all()
