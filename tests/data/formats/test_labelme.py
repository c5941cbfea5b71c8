"""LabelMe."""

import json
from pathlib import Path

from PIL import Image

from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.inspect.check import check_dataset


def test_a_renamed_image_is_the_one_with_the_name_of_its_json_and_the_check_says_so(tmp_path: Path) -> None:
    shape = {"label": "face", "points": [[10, 20], [40, 60]], "shape_type": "rectangle"}
    for name, stated in (("new", "old.jpg"), ("same", "..\\images\\same.jpg"), ("other", "gone.jpg")):
        Image.new("RGB", (100, 80)).save(tmp_path / f"{name}.jpg")
        content = {"imagePath": stated, "imageWidth": 100, "imageHeight": 80, "shapes": [shape]}
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    dataset = read_dataset(DatasetSource(tmp_path))
    assert ([p.path.name for p in dataset.photos], dataset.losses) == (["new.jpg", "other.jpg", "same.jpg"], [])
    (remark,) = check_dataset(DatasetSource(tmp_path), 640).of_kind("remark")
    assert (remark.path, remark.hurts) == (tmp_path, False)
    assert remark.detail.startswith("2 annotation files state another image than the one with their own name")
    assert remark.detail.endswith("(first: new.json: old.jpg)")


def test_the_check_says_how_many_images_have_no_json(tmp_path: Path) -> None:
    content = {"imagePath": "a.jpg", "imageWidth": 100, "imageHeight": 80, "shapes": []}
    (tmp_path / "a.json").write_text(json.dumps(content))
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        Image.new("RGB", (100, 80)).save(tmp_path / name)
    (remark,) = check_dataset(DatasetSource(tmp_path), 640).of_kind("remark")
    assert remark.detail == f"2 images have no annotation file, and are not used (first: {tmp_path / 'b.jpg'})"
