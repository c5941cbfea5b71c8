"""YOLO folders and data.yaml."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.formats import WRITERS, replace_in

from facedet.common.errors import UserError
from facedet.data.dataset import DatasetSource, read_dataset, recognise
from facedet.data.inspect.check import check_dataset
from facedet.data.losses import Loss, Lost


@pytest.fixture
def splits(tmp_path: Path) -> Path:
    """A data.yaml: train is a.jpg and c.jpg, val is b.png."""
    WRITERS["yolo"](tmp_path / "made")
    for split, names in {"train": ["a.jpg", "c.jpg"], "valid": ["b.png"]}.items():
        for kind in ("images", "labels"):
            (tmp_path / "set" / split / kind).mkdir(parents=True)
        for name in names:
            shutil.copy(tmp_path / "made" / "images" / name, tmp_path / "set" / split / "images")
            label = (tmp_path / "made" / "labels" / name).with_suffix(".txt")
            if label.is_file():
                shutil.copy(label, tmp_path / "set" / split / "labels")
    file = tmp_path / "set" / "data.yaml"
    file.write_text("train: ../train/images\nval: valid/images\nnc: 2\nnames: [mask, face]\n")
    return file


def names(source: DatasetSource) -> list[str]:
    return [p.path.name for p in read_dataset(source).photos]


def test_yolo_splits_are_read_alone_or_all_together(splits: Path) -> None:
    for path in (splits, splits.parent):
        assert recognise(path) == "yolo"
        assert names(DatasetSource(path, split="train")) == ["a.jpg", "c.jpg"]
        assert names(DatasetSource(path, split="val")) == ["b.png"]
        assert names(DatasetSource(path)) == ["a.jpg", "c.jpg", "b.png"]
    assert read_dataset(DatasetSource(splits)).photos[0].classes == ("face", "face")
    with pytest.raises(UserError, match=r"data\.yaml: has no 'test'"):
        read_dataset(DatasetSource(splits, split="test"))


@pytest.mark.parametrize(
    "text",
    ["path: ../set\ntrain: [train/images, valid/images]\nnames: {1: face}\n",
     "path: /gone\ntrain:\n- train/images\n- valid/images\nnames:\n  1: face\n",
     "train: list.txt\nnames: {1: face}\n"],
)  # fmt: skip
def test_yolo_paths_may_be_lists_and_relative_to_a_root(text: str, splits: Path) -> None:
    splits.write_text(text)
    (splits.parent / "list.txt").write_text("./train/images/a.jpg\ntrain/images/c.jpg\n\nvalid/images/b.png\n")
    assert names(DatasetSource(splits, split="train")) == ["a.jpg", "c.jpg", "b.png"]
    assert read_dataset(DatasetSource(splits)).photos[2].classes == ("face",)


def test_yolo_splits_that_are_missing_are_reported(splits: Path) -> None:
    replace_in(splits, "val: valid", "val: gone")
    for split in (None, "val"):
        with pytest.raises(UserError, match=r"data\.yaml: val: no such file or folder: .*gone.*correct it or take"):
            read_dataset(DatasetSource(splits, split=split))
    assert len(read_dataset(DatasetSource(splits, split="train")).photos) == 2
    replace_in(splits, "val: gone", "val: valid\ntest: gone")  # tools name it, even if there is none
    dataset = read_dataset(DatasetSource(splits))
    assert "data.yaml: test: no such file or folder: " in dataset.skipped[0]


@pytest.mark.parametrize("text", ["train: [", "- 1\n- 2\n", "names: [face]\n", "train:\n"])
def test_a_yaml_that_is_not_a_data_yaml_is_refused(text: str, splits: Path) -> None:
    splits.write_text(text)
    with pytest.raises(UserError, match=r"data\.yaml: not a YOLO data\.yaml"):
        read_dataset(DatasetSource(splits))


def test_yolo_label_files_may_be_next_to_the_images_or_in_another_folder(made: Callable) -> None:
    folder = made("yolo")
    separate = read_dataset(DatasetSource(folder / "labels", images=folder / "images", format="yolo"))
    assert [len(p.boxes) for p in separate.photos] == [2, 1, 0]
    for file in (folder / "labels").iterdir():
        file.rename(folder / "images" / file.name)
    assert recognise(folder / "images") == "yolo"
    assert [len(p.boxes) for p in read_dataset(DatasetSource(folder / "images")).photos] == [2, 1, 0]


def test_yolo_errors_are_left_out_one_by_one(made: Callable) -> None:
    folder = made("yolo")
    (folder / "labels" / "gone.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (folder / "images" / "c.jpg").write_text("not an image")
    label = folder / "labels" / "a.txt"
    label.write_text("face 0.5 0.5 0.1 0.1\n1 0.5 0.5 0.1\n\n" + label.read_text())
    dataset = read_dataset(DatasetSource(folder, allow_losses=True))
    assert [(p.path.name, len(p.boxes)) for p in dataset.photos] == [("b.png", 1)]
    incomplete = (
        "its annotation cannot be read completely: not numbers: ['face', '0.5', '0.5', '0.1', '0.1'], and 1 more"
    )
    assert dataset.losses == [
        Loss(Lost.IMAGE, folder / "labels" / "gone.txt", "a label file without an image"),
        Loss(Lost.IMAGE, folder / "images" / "c.jpg", "cannot be read as an image (not an image file)"),
        Loss(Lost.IMAGE, folder / "images" / "a.jpg", incomplete),
    ]


def test_an_image_whose_label_file_is_no_text_is_left_out(made: Callable) -> None:
    folder = made("yolo")
    (folder / "labels" / "a.txt").write_bytes(b"1 0.5 0.5 0.1 0.1\xff")
    dataset = read_dataset(DatasetSource(folder))
    assert [p.path.name for p in dataset.photos] == ["b.png", "c.jpg"]
    (loss,) = dataset.losses
    assert (loss.kind, loss.file) == (Lost.IMAGE, folder / "images" / "a.jpg")
    assert "labels/a.txt: not a YOLO label file" in loss.reason


def test_the_labels_of_another_split_in_the_same_folder_have_images(made: Callable) -> None:
    folder = made("yolo")
    (folder / "train.txt").write_text("images/a.jpg\nimages/c.jpg\n")
    (folder / "val.txt").write_text("images/b.png\n")
    (folder / "data.yaml").write_text("train: train.txt\nval: val.txt\nnames: [mask, face]\n")
    for split, expected in (("train", ["a.jpg", "c.jpg"]), ("val", ["b.png"])):
        dataset = read_dataset(DatasetSource(folder / "data.yaml", split=split))
        assert [p.path.name for p in dataset.photos] == expected
        assert dataset.losses == []


def test_evaluation_and_training_take_their_own_split(splits: Path) -> None:
    both = [len(read_dataset(DatasetSource.of(splits, split)).photos) for split in ("train", "val")]
    assert both == [2, 1]
    assert len(read_dataset(DatasetSource.of(DatasetSource(splits, split="train"), "val")).photos) == 2
    names = splits.parent / "names.txt"
    names.write_text("a.jpg\n")
    assert len(read_dataset(DatasetSource.of(DatasetSource(splits, names=names), "val")).photos) == 1


@pytest.mark.parametrize("target", ["labels2/a.txt", "labels/extra/a.txt", "more/deep/a.txt"])
def test_an_image_whose_label_file_is_elsewhere_is_not_background(target: str, made: Callable) -> None:
    folder = made("yolo")
    (folder / target).parent.mkdir(parents=True)
    (folder / "labels" / "a.txt").rename(folder / target)
    dataset = read_dataset(DatasetSource(folder))
    assert [p.path.name for p in dataset.photos] == ["b.png", "c.jpg"]
    (loss,) = dataset.losses
    assert (loss.kind, loss.file.name) == (Lost.IMAGE, "a.jpg")
    assert loss.reason.endswith(f"its label file may be {folder / target}, which is not where it is expected")
    assert check_dataset(DatasetSource(folder), 64).of_kind("entry")[0].path.name == "a.jpg"


def test_the_label_file_of_another_image_with_the_same_name_is_not_taken_for_a_lost_one(splits: Path) -> None:
    images = splits.parent / "train" / "images"
    shutil.copy(
        images / "c.jpg", images / "b.png"
    )  # without a label file, like c.jpg; valid/ has a b.txt for its b.png
    assert names(DatasetSource(splits, split="train")) == ["a.jpg", "b.png", "c.jpg"]
    assert read_dataset(DatasetSource(splits, split="train")).losses == []
