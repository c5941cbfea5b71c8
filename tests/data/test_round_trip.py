"""What is read is written: names, boxes, classes and ignored faces come back from every format, or are a loss."""

from pathlib import Path

import numpy as np
import pytest
from helpers.odd import CLASSES, NAMES, by_content, held, odd_dataset

from facedet.common.errors import UserError
from facedet.data.convert import convert_dataset
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.structures import Photo
from facedet.data.writers.table import TARGETS


def assert_same(photo: Photo, written: Photo, to: str) -> None:
    boxes, ignored, classes = held(photo, to)
    assert (written.width, written.height) == (photo.width, photo.height)
    np.testing.assert_allclose(written.boxes, boxes, rtol=0, atol=0.01)
    assert written.ignored.tolist() == ignored.tolist()
    assert written.classes == classes


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("to", TARGETS)
def test_every_image_comes_back(to: str, seed: int, tmp_path: Path) -> None:
    source = odd_dataset(tmp_path / "set", seed)
    told: list[str] = []
    path = convert_dataset(
        DatasetSource(source.path, classes=("all",), allow_losses=True), tmp_path / "out", to, tell=told.append
    )
    read = read_dataset(DatasetSource(path, classes=("all",)))
    assert not read.losses
    before, after = by_content(read_dataset(source).photos), by_content(read.photos)
    assert before.keys() == after.keys()
    assert len(after) == len(NAMES)
    for content, photo in before.items():
        assert_same(photo, after[content], to)
    ignored = sum(int(photo.ignored.sum()) for photo in before.values())
    others = sum(name != "face" for photo in before.values() for name in photo.classes)
    assert ignored > 3
    assert len(told) == (0 if TARGETS[to].marks_ignored else ignored) + (0 if TARGETS[to].has_classes else others)


@pytest.mark.parametrize(
    ("to", "message"),
    [
        ("yolo", "boxes cannot be written as yolo.*yolo cannot mark a face as ignored"),
        ("cvat", "counts as background"),
        ("wider", "class names cannot be written as wider.*cannot hold the class"),
    ],
)
def test_too_much_that_a_target_cannot_hold_is_refused_before_anything_is_written(
    to: str, message: str, tmp_path: Path
) -> None:
    source = odd_dataset(tmp_path / "set")
    with pytest.raises(UserError, match=message) as error:
        convert_dataset(source, tmp_path / "out", to)
    assert "choose another format, or go on without them: --allow-losses" in str(error.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("to", ["voc", "yolo"])
def test_images_that_no_tool_of_the_target_finds_are_losses(to: str, tmp_path: Path) -> None:
    source = odd_dataset(tmp_path / "set")
    text = source.path.read_text()
    for old, new in (("one/1.jpg", "one/1.gif"), ("two/1.jpg", "two/1.avif")):
        (tmp_path / "set" / "images" / old).rename(tmp_path / "set" / "images" / new)
        text = text.replace(old, new)
    source.path.write_text(text)
    with pytest.raises(UserError, match=rf"2 of 9 images cannot be written as {to}.*find no '.gif' images"):
        convert_dataset(source, tmp_path / "out", to)
    everything = convert_dataset(source, tmp_path / "coco", "coco")
    assert len(read_dataset(DatasetSource(everything, classes=("all",))).photos) == 9


def test_control_characters_of_class_names_are_a_loss(tmp_path: Path) -> None:
    source = odd_dataset(tmp_path / "set")
    source.path.write_text(source.path.read_text().replace(f'"{CLASSES[1]}"', '"with\\nmask"'))
    with pytest.raises(UserError, match=r"cannot hold the class 'with\\nmask': it is with_mask"):
        convert_dataset(source, tmp_path / "out", "voc")
