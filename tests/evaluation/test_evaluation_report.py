"""The HTML report of an evaluation."""

import json
import shutil
from pathlib import Path

import numpy as np
from click.testing import CliRunner

from facedet.cli import main
from facedet.data.dataset import DatasetSource, read_dataset
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
