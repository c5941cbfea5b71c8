"""The classes of a dataset that count as faces."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.formats import coco_content, facedet, save_coco

from facedet.common.errors import UserError
from facedet.data.classes import check_classes, describe_classes, only_classes
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.structures import Photo


def with_classes(folder: Path, *names: str) -> DatasetSource:
    """A dataset whose first image has a box of each class, 10 pixels wide."""
    content = coco_content(folder)
    content["categories"] = [{"id": k, "name": name} for k, name in enumerate(names)]
    content["annotations"] = [
        {"id": k, "image_id": 0, "category_id": k, "bbox": [12 * k, 20, 10, 10]} for k in range(len(names))
    ]
    return save_coco(folder, content)


@pytest.mark.parametrize(
    ("chosen", "left"),
    [((), ("a", "b", "a")), (("all",), ("a", "b", "a")), (("b", "all"), ("a", "b", "a")), (("a",), ("a", "a")),
     (("a", "b"), ("a", "b", "a")), (("c",), ())],
)  # fmt: skip
def test_only_the_boxes_of_the_chosen_classes_are_left(chosen: tuple, left: tuple) -> None:
    boxes = np.arange(12.0).reshape(3, 4)
    photo = Photo(Path("a"), 9, 9, boxes, np.array([True, False, False]), ("a", "b", "a"))
    kept = only_classes(photo, chosen)
    assert kept.classes == left
    assert kept.boxes.tolist() == [row for row, name in zip(boxes.tolist(), photo.classes, strict=True) if name in left]
    assert len(kept.ignored) == len(left)


@pytest.mark.parametrize(
    ("chosen", "found"),
    [((), []), ((), ["face"]), ((), ["person"]), ((), ["with_mask", "without_mask"]), ((), ["0", "1"]),
     (("all",), ["person", "face"]), (("face",), ["person", "face"]), (("all",), []), ((), ["surface", "person"])],
)  # fmt: skip
def test_clear_classes_pass(chosen: tuple, found: list) -> None:
    check_classes(chosen, found, Path("set"))


@pytest.mark.parametrize("face", ["face", "Face", "faces", "human face", "Human_Face", "human-face"])
def test_one_class_of_several_that_is_called_face_needs_a_choice(face: str) -> None:
    with pytest.raises(UserError, match=rf"set: has the classes .*; say which .* --classes {face}, or --classes all"):
        check_classes((), ["person", face], Path("set"))


@pytest.mark.parametrize(("found", "there"), [(["b", "a"], "a, b"), ([], "none")])
def test_an_unknown_class_is_refused_with_those_that_exist(found: list, there: str) -> None:
    with pytest.raises(UserError, match=f"^set: has no class 'c'; give --classes some of: {there}$"):
        check_classes(("c",), found, Path("set"))


@pytest.mark.parametrize(
    ("names", "text"),
    [((), ""), (("a",), ""), (("b", "a", "b"), "2 classes count as faces: a, b")],
)
def test_several_classes_are_described(names: tuple, text: str) -> None:
    boxes = np.zeros((len(names), 4))
    photos = [
        Photo(Path("a.jpg"), 9, 9, boxes, np.zeros(len(names), bool), names),
        Photo(Path("b.jpg"), 9, 9, boxes[:0], boxes[:0, 0] > 0),
    ]
    assert describe_classes(photos) == text


def test_a_dataset_of_persons_and_faces_needs_a_choice(tmp_path: Path) -> None:
    source = with_classes(tmp_path, "person", "face")
    with pytest.raises(UserError, match=r"has the classes face, person, .*--classes face"):
        read_dataset(source)
    assert read_dataset(replace(source, classes=("face",))).photos[0].boxes.tolist() == [[12, 20, 22, 30]]
    assert read_dataset(replace(source, classes=("all",))).faces == 2
    assert read_dataset(replace(source, classes=("face",))).classes == {"person", "face"}


def test_faces_with_and_without_mask_are_all_faces(tmp_path: Path) -> None:
    assert read_dataset(with_classes(tmp_path, "with_mask", "without_mask")).faces == 2


def test_classes_of_ignored_boxes_need_no_choice(tmp_path: Path) -> None:
    dataset = read_dataset(save_coco(tmp_path, coco_content(tmp_path)))
    assert (dataset.faces, dataset.classes) == (1, {"face"})


@pytest.mark.parametrize(
    ("options", "names"),
    [([], ["person", "face", "mask"]), (["--classes", "face"], ["face"]),
     (["--classes", "mask,face"], ["face", "mask"]), (["--classes", "all"], ["person", "face", "mask"])],
)  # fmt: skip
def test_convert_writes_the_chosen_classes_with_their_names(options: list, names: list, tmp_path: Path) -> None:
    path = with_classes(tmp_path, "person", "face", "mask").path
    done = facedet("data", "convert", path, "--to", "coco", "-o", tmp_path / "out", *options)
    assert done.exit_code == 0, done.output
    content = json.loads((tmp_path / "out" / "annotations.json").read_text())
    by_id = {category["id"]: category["name"] for category in content["categories"]}
    assert list(by_id.values()) == names
    assert [by_id[annotation["category_id"]] for annotation in content["annotations"]] == names


def test_convert_refuses_an_unknown_class_with_those_that_exist(tmp_path: Path) -> None:
    path = with_classes(tmp_path, "person", "face").path
    done = facedet("data", "convert", path, "--to", "coco", "-o", tmp_path / "out", "--classes", "head")
    assert done.exit_code == 2
    assert "has no class 'head'; give --classes some of: face, person" in done.stderr
    assert not (tmp_path / "out").exists()
