"""Read a dataset: select images by name, leave out unusable images and boxes."""

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.formats import coco_content, save_coco
from PIL import Image

from facedet.common.errors import UserError
from facedet.data import dataset
from facedet.data.dataset import FORMATS, DatasetSource, read_annotations, read_dataset
from facedet.data.image import image_size
from facedet.data.losses import Loss, Lost


@pytest.fixture
def coco(tmp_path: Path) -> dict:
    return coco_content(tmp_path)


def test_a_list_of_names_selects_images_and_reports_unknown_names(tmp_path: Path, coco: dict) -> None:
    (tmp_path / "names.txt").write_text("b\nc.png\n")
    source = save_coco(tmp_path, coco)
    selected = read_dataset(DatasetSource(source.path, names=tmp_path / "names.txt"))
    assert [p.path.name for p in selected.photos] == ["b.png"]
    assert selected.losses == [Loss(Lost.NAME, tmp_path / "names.txt", "c.png: not in the dataset")]


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ([-5, -5, 20, 20], [[0, 0, 15, 15]]),
        ([90, 70, 50, 50], [[90, 70, 100, 80]]),
        ([200, 10, 20, 20], []),
        ([10, 10, 0, 20], []),
        ([10, 10, -5, 20], []),
    ],
)
def test_bad_boxes_are_clipped_or_left_out_and_reported(tmp_path: Path, coco: dict, box: list, expected: list) -> None:
    coco["annotations"] = [{"id": 1, "image_id": 0, "category_id": 1, "bbox": box}]
    dataset = read_dataset(save_coco(tmp_path, coco))
    assert dataset.photos[0].boxes.tolist() == expected
    assert len(dataset.skipped) == (not expected)
    assert all("a.png: box [" in line for line in dataset.skipped)


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ([10, 10, float("nan"), 20], "not finite numbers: [10, 10, nan, 20]"),
        ([10, 10, float("inf"), 20], "not finite numbers: [10, 10, inf, 20]"),
        ([10, None, 20, 20], "not numbers: [10, None, 20, 20]"),
        ([1, 2, 3], "3 numbers instead of 4: [1, 2, 3]"),
        ("1234", "1 numbers instead of 4: 1234"),
        (None, "annotation 1 has neither a bbox nor a segmentation"),
    ],
)
def test_an_image_with_a_malformed_box_is_no_background_but_left_out(
    tmp_path: Path, coco: dict, box: object, reason: str
) -> None:
    coco["annotations"][0]["bbox"] = box
    dataset = read_dataset(save_coco(tmp_path, coco))
    assert [p.path.name for p in dataset.photos] == ["b.png"]
    reason = f"its annotation cannot be read completely: {reason}"
    assert dataset.losses == [Loss(Lost.IMAGE, tmp_path / "a.png", reason)]


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("huge", [1e300, -1e300, 3.5e38])
def test_a_box_with_a_huge_coordinate_is_left_out_without_a_warning(tmp_path: Path, coco: dict, huge: float) -> None:
    coco["annotations"][0]["bbox"] = [huge, 10, 20, 20]
    dataset = read_dataset(save_coco(tmp_path, coco))
    assert dataset.photos[0].boxes.tolist() == [[50, 20, 80, 60]]
    reason = "is outside the 100x80 image, has no area or has an invalid coordinate"
    assert dataset.skipped == [f"{tmp_path / 'a.png'}: box [{huge:g}, 10, {huge:g}, 30] {reason}"]


def test_a_missing_image_and_a_wrong_size_are_left_out_and_reported(tmp_path: Path, coco: dict) -> None:
    coco["images"][1]["width"] = 50
    coco["images"].append({"id": 9, "file_name": "gone.png"})
    dataset = read_dataset(replace(save_coco(tmp_path, coco), allow_losses=True))
    assert [p.path.name for p in dataset.photos] == ["a.png"]
    assert "annotated as 50x80 but is 100x80" in dataset.skipped[0]
    assert f"gone.png: no such file; searched in {tmp_path}" in dataset.skipped[1]
    assert dataset.skipped[1].endswith("give the folder of the images with --images")


def test_a_name_may_include_folders_and_must_be_unique(tmp_path: Path, coco: dict) -> None:
    for folder, image in zip("ab", coco["images"], strict=True):
        (tmp_path / folder).mkdir()
        (tmp_path / image["file_name"]).rename(tmp_path / folder / "1.png")
        image["file_name"] = f"{folder}/1.png"
    source, names = save_coco(tmp_path, coco), tmp_path / "names.txt"
    for line in ("b/1.png", "b/1", "\ufeffb/1.png"):
        names.write_text(line, encoding="utf-8")
        (photo,) = read_dataset(DatasetSource(source.path, names=names)).photos
        assert photo.path.parent.name == "b"
    names.write_text("1.png")
    with pytest.raises(UserError, match=r"'1\.png' matches .*; give more of the path"):
        read_dataset(DatasetSource(source.path, names=names))


def test_annotations_are_read_without_opening_images(made: Callable, tmp_path: Path) -> None:
    for format in sorted({*FORMATS} - {"yolo"}):  # YOLO needs the headers of the images
        path, losses = made(format), []
        for image in (tmp_path / format).rglob("*.jpg"):
            image.write_bytes(b"")
        assert len(read_annotations(DatasetSource(path), losses)) == 3
        assert losses == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("cam1/0001", ["cam1"]),
        ("/other/machine/images/cam2/0001.png", ["cam2"]),
        ("D:\\sets\\images\\cam2\\0001.png", ["cam2"]),
        ("cam3/0001.png", []),
        ("/other/0001.png", []),
    ],
)
def test_a_name_in_a_list_is_the_longest_end_of_a_path(
    line: str, found: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a relative dataset
    for camera in ("cam1", "cam2"):
        (tmp_path / "images" / camera).mkdir(parents=True)
        Image.new("RGB", (20, 20)).save(tmp_path / "images" / camera / "0001.png")
    (tmp_path / "labels").mkdir()
    (tmp_path / "names.txt").write_text(f"{line}\n")
    losses: list[Loss] = []
    photos = read_annotations(DatasetSource(Path(), names=Path("names.txt")), losses)
    assert [photo.path.parent.name for photo in photos] == found
    assert len(losses) == (not found)


def test_an_absolute_list_selects_from_a_relative_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = save_coco(tmp_path, coco_content(tmp_path))
    (tmp_path / "names.txt").write_text(f"{tmp_path / 'b.png'}\n")
    monkeypatch.chdir(tmp_path)
    photos = read_annotations(replace(source, path=Path("set.json"), names=Path("names.txt")), [])
    assert [photo.path.name for photo in photos] == ["b.png"]


def test_headers_are_read_ahead_and_the_order_is_kept(
    tmp_path: Path, coco: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first image is read last, and one in the middle is broken."""
    coco["images"] = [{"id": k, "file_name": f"{k}.png", "width": 30, "height": 20} for k in range(4)]
    coco["annotations"] = [{"id": k, "image_id": k, "category_id": 1, "bbox": [k, 1, 9, 9]} for k in range(4)]
    for k in (0, 1, 3):
        Image.new("RGB", (30, 20)).save(tmp_path / f"{k}.png")
    (tmp_path / "2.png").write_bytes(b"no image")
    others_are_read, read = threading.Event(), []

    def size(path: Path) -> tuple[int, int]:
        if path.name == "0.png":
            assert others_are_read.wait(10)
        read.append(path.name)
        if len(read) == 2:
            others_are_read.set()
        return image_size(path)

    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(dataset, "image_size", size)
    source = replace(save_coco(tmp_path, coco), allow_losses=True)
    found = read_dataset(source)
    assert [(p.path.name, p.boxes.tolist()) for p in found.photos] == [
        (f"{k}.png", [[k, 1, k + 9, 10]]) for k in (0, 1, 3)
    ]
    assert [loss.file.name for loss in found.losses] == ["2.png"]
    assert sorted(read) == [f"{k}.png" for k in range(4)]
