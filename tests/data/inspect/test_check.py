"""A check finds every seeded problem once, reports nothing else and changes nothing."""

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from helpers.datasets import (
    GOOD_BOX,
    HEIGHT,
    WIDTH,
    DatasetBuilder,
    add_problems,
    altered_copy,
    clean_dataset,
    exif_orientation,
)
from PIL import Image

from facedet.common.errors import UserError
from facedet.data.dataset import DatasetSource
from facedet.data.image import read_image, write_png
from facedet.data.inspect.check import CheckResult, check_dataset
from facedet.data.inspect.check_report import write_check
from facedet.data.inspect.findings import KINDS
from facedet.data.synthetic import draw_image
from facedet.text.check import check_table

SIZE = 640  # input size in pixels


def kinds_and_names(result: CheckResult) -> Counter:
    return Counter((finding.kind, finding.path.name) for finding in result.findings)


def digests(folder: Path) -> dict[str, str]:
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_every_problem_is_found_once_and_nothing_else(tmp_path: Path) -> None:
    builder = clean_dataset(tmp_path / "set")
    expected = add_problems(builder)
    source = builder.save()
    before = digests(tmp_path)
    result = check_dataset(source, SIZE)
    assert kinds_and_names(result) == Counter(expected.items())
    assert set(expected) | {"no-faces", "leak", "near-leak", "remark"} == set(KINDS)  # these are tested below
    assert result.hurts
    assert digests(tmp_path) == before


def test_findings_of_an_image_list_their_boxes(tmp_path: Path) -> None:
    builder = clean_dataset(tmp_path)
    builder.add("many.png", GOOD_BOX, (500, 10, 40, 40), (600, 10, 40, 40), (10, 10, 4, 3))
    found = {finding.kind: finding.boxes for finding in check_dataset(builder.save(), SIZE).findings}
    assert found == {"outside": ((500, 10, 540, 50), (600, 10, 640, 50)), "small": ((10, 10, 14, 13),)}


def test_images_in_both_datasets_are_found(tmp_path: Path) -> None:
    train, val = clean_dataset(tmp_path / "train"), clean_dataset(tmp_path / "val", seed=2)
    one, other = (read_image(tmp_path / "train" / "images" / f"clean-{k}.png") for k in (0, 1))
    val.add("copy.png", GOOD_BOX, image=one)
    val.add("near.png", GOOD_BOX, image=altered_copy(other))
    result = check_dataset(train.save(), SIZE, val.save())
    assert kinds_and_names(result) == {("leak", "copy.png"): 1, ("near-leak", "near.png"): 1}
    assert {f.path.name: f.other.name for f in result.findings if f.other} == {
        "copy.png": "clean-0.png",
        "near.png": "clean-1.png",
    }
    assert {f.role for f in result.findings} == {"val"}
    assert result.hurts


@pytest.mark.parametrize("content", [b"not an image", b"", None])
def test_an_image_that_cannot_be_decoded_is_found(tmp_path: Path, content: bytes | None) -> None:
    builder = clean_dataset(tmp_path)
    file = tmp_path / "images" / "clean-1.png"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if content is None else content)
    result = check_dataset(builder.save(), SIZE)
    assert kinds_and_names(result) == {("picture", "clean-1.png"): 1}
    assert result.datasets[0].faces == 6


def test_an_image_that_the_format_reader_cannot_open_is_found_as_broken_image(tmp_path: Path) -> None:
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    for name in ("good", "bad"):
        write_png(draw_image(np.random.default_rng(1))[0], tmp_path / "images" / f"{name}.png")
        (tmp_path / "labels" / f"{name}.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (tmp_path / "images" / "bad.png").write_bytes(b"not an image")
    result = check_dataset(DatasetSource(tmp_path, format="yolo"), SIZE)
    assert kinds_and_names(result) == {("picture", "bad.png"): 1}


def test_a_size_annotated_without_exif_orientation_is_reported_as_such(tmp_path: Path) -> None:
    builder = clean_dataset(tmp_path)
    rotated = Image.fromarray(read_image(tmp_path / "images" / "clean-1.png"))
    rotated.save(tmp_path / "images" / "clean-1.png", exif=exif_orientation(6))
    (finding,) = check_dataset(builder.save(), SIZE).findings
    assert (finding.kind, finding.detail) == (
        "size",
        "annotated as 400x320 but is 320x400: annotated without EXIF orientation",
    )


def test_ignored_faces_are_counted_but_not_checked(tmp_path: Path) -> None:
    builder = clean_dataset(tmp_path)
    builder.add("crowd.png", (10, 10, 1.5, 1.2), (500, 10, 9, 9), (0, 0, WIDTH, HEIGHT), iscrowd=1)
    result = check_dataset(builder.save(), SIZE)
    assert result.findings == []
    assert (result.datasets[0].ignored, result.datasets[0].faces, result.datasets[0].without_faces) == (3, 8, 1)


def test_a_dataset_without_faces_is_found(tmp_path: Path) -> None:
    builder = DatasetBuilder(tmp_path, 1)
    builder.add("empty.png")
    assert kinds_and_names(check_dataset(builder.save(), SIZE)) == {("no-faces", "set.json"): 1}


def test_a_dataset_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"set\.json: no annotated images; give another dataset or list of names"):
        check_dataset(DatasetBuilder(tmp_path, 1).save(), SIZE)


def test_the_statistics_say_what_boxes_were_made_from(tmp_path: Path) -> None:
    builder = DatasetBuilder(tmp_path, 1)
    builder.add("a.png", (10, 10, 40, 80), (100, 10, 40, 20))
    assert check_dataset(builder.save(), SIZE).as_dict()["sets"][0].get("shapes") is None
    mask = {"size": [HEIGHT, WIDTH], "counts": [HEIGHT * 10 + 20, 30, HEIGHT * (WIDTH - 10) - 50]}
    for segmentation in ([[10, 20, 40, 20, 40, 60]], [[10, 20, 40, 20, 40, 60]], mask):
        builder.add(f"{len(builder.content['images'])}.png", GOOD_BOX)
        builder.content["annotations"][-1].update(bbox=None, segmentation=segmentation)
    result = check_dataset(builder.save(), SIZE)
    assert result.as_dict()["sets"][0]["shapes"] == {"box": 2, "polygon": 2, "mask": 1}
    assert result.datasets[0].drawn == "5 boxes, 2 of them from polygon, 1 from mask"
    assert "dataset: 5 boxes, 2 of them from polygon, 1 from mask" in check_table(result)
    write_check(result, tmp_path / "report")
    assert "Dataset: 5 boxes, 2 of them from polygon" in (tmp_path / "report" / "check.html").read_text()


def test_statistics_are_those_of_the_resized_image(tmp_path: Path) -> None:
    builder = DatasetBuilder(tmp_path, 1)
    builder.add("a.png", (10, 10, 40, 80), (100, 10, 40, 20))  # 160 and 40 px of 640
    builder.add("b.png")
    (statistics,) = check_dataset(builder.save(), SIZE).datasets
    assert statistics.heights == (0, 0, 0, 1, 0, 1, 0, 0)
    assert statistics.in_pictures == (1, 0, 1, 0, 0, 0, 0, 0, 0)
    assert (statistics.pictures, statistics.without_faces, sum(statistics.classes.values())) == (2, 1, 2)
    (smaller,) = check_dataset(builder.save(), 160).datasets
    assert smaller.heights == (0, 1, 0, 1, 0, 0, 0, 0)
