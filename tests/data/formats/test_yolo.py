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
    assert read_dataset(DatasetSource(splits)).losses == []
    (remark,) = check_dataset(DatasetSource(splits), 64).of_kind("remark")
    assert f"test: no such file or folder: {splits.parent / 'gone'}" in str(remark)
    with pytest.raises(UserError, match="test: no such file or folder"):
        read_dataset(DatasetSource(splits, split="test"))


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


@pytest.mark.parametrize("split", [None, "train"])
def test_a_folder_without_label_files_is_not_background_if_others_have_some(split: str | None, splits: Path) -> None:
    more = splits.parent / "more" / "images"
    more.mkdir(parents=True)
    shutil.copy(splits.parent / "train" / "images" / "c.jpg", more / "d.jpg")
    splits.write_text("train: [train/images, more/images]\nval: valid/images\n")
    dataset = read_dataset(DatasetSource(splits, split=split))
    assert "d.jpg" not in [p.path.name for p in dataset.photos]
    (loss,) = dataset.losses
    assert loss.file.name == "d.jpg"
    assert loss.reason.endswith(f"no label file in {more}, unlike others; background needs empty ones")
    splits.write_text("train: more/images\nval: valid/images\n")
    with pytest.raises(UserError, match="no label file in"):
        read_dataset(DatasetSource(splits, split="train"))
    (splits.parent / "more" / "labels").mkdir()
    (splits.parent / "more" / "labels" / "d.txt").touch()
    assert "d.jpg" in names(DatasetSource(splits, split=split))


def test_a_dataset_without_any_label_file_is_background(splits: Path) -> None:
    for file in splits.parent.rglob("labels/*.txt"):
        file.unlink()
    assert [len(p.boxes) for p in read_dataset(DatasetSource(splits)).photos] == [0, 0, 0]


def test_a_split_for_tests_without_label_files_is_left_out_unless_it_is_asked_for(splits: Path) -> None:
    shutil.copytree(splits.parent / "valid" / "images", splits.parent / "test" / "images")
    splits.write_text(splits.read_text() + "test: test/images\n")
    assert names(DatasetSource(splits)) == ["a.jpg", "c.jpg", "b.png"]
    assert "1 images for tests have no label files" in str(
        check_dataset(DatasetSource(splits), 64).of_kind("remark")[0]
    )
    with pytest.raises(UserError, match=r"no usable image \(first reason: .*b\.png: .*no label file in .*test"):
        read_dataset(DatasetSource(splits, split="test"))


def test_a_split_in_images_without_label_files_is_not_background(made: Callable) -> None:
    folder = made("yolo")
    (folder / "images" / "val").mkdir()
    (folder / "images" / "c.jpg").rename(folder / "images" / "val" / "c.jpg")
    (loss,) = read_dataset(DatasetSource(folder)).losses
    assert (loss.file.name, "no label file in" in loss.reason) == ("c.jpg", True)


@pytest.mark.parametrize("line", [".", "/", "./", "\\"])
def test_a_line_of_a_list_that_names_no_image_is_a_loss(line: str, splits: Path) -> None:
    file = splits.parent / "list.txt"
    file.write_text(f"train/images/a.jpg\n{line}\n")
    splits.write_text("train: list.txt\nnames: [mask, face]\n")
    dataset = read_dataset(DatasetSource(splits))
    assert [p.path.name for p in dataset.photos] == ["a.jpg"]
    assert dataset.losses == [Loss(Lost.NAME, file, f"{line}: names no image")]


@pytest.mark.parametrize("root", ["/content/set-1/", "C:\\data\\set\\", "/content/"])
def test_a_data_yaml_that_was_moved_with_its_folders_is_read(root: str, splits: Path) -> None:
    splits.write_text(f"train: '{root}train/images'\nval: '{root}valid/images'\nnames: [mask, face]\n")
    assert names(DatasetSource(splits, split="train")) == ["a.jpg", "c.jpg"]
    assert names(DatasetSource(splits, split="val")) == ["b.png"]
    splits.write_text(f"train: '{root}train/images'\nval: '{root}other/images'\nnames: [mask, face]\n")
    shutil.copytree(splits.parent / "train" / "images", splits.parent / "images")  # not taken for other/images
    with pytest.raises(UserError, match=r"val: no such file or folder.*write it relative to this file"):
        read_dataset(DatasetSource(splits))


def test_a_data_yaml_may_state_one_folder_of_another_machine(splits: Path) -> None:
    splits.write_text("path: /content/set\ntrain: set-2/train/images\nnames: [mask, face]\n")
    assert names(DatasetSource(splits)) == ["a.jpg", "c.jpg"]


@pytest.mark.parametrize(
    ("text", "name"),
    [("{'0': mask, '1': face}", "face"), ("{0: mask, 1: face}", "face"), ("[mask, face]", "face"), ("", "1"),
     ("lists/face.names", "face")],
)  # fmt: skip
def test_the_names_in_a_data_yaml_have_several_forms(text: str, name: str, splits: Path) -> None:
    (splits.parent / "face.names").write_text("mask\nface\n")
    splits.write_text(f"train: train/images\nnames: {text}\n")
    assert read_dataset(DatasetSource(splits)).photos[0].classes == (name, name)


@pytest.mark.parametrize(
    "files",
    [{"face.names": "mask\nface\n"}, {"images/face.names": "mask\nface"}, {"labels/labels.txt": "mask\nface\n"},
     {"obj.data": "classes = 2\nnames = data/x.names\n", "x.names": "mask\nface\n", "coco.names": "person\n"},
     {"images/my.data": "names=my.list", "images/my.list": "mask\r\nface\r\n"},
     {"weights.data": "\x00", "../obj.names": "mask\nface\n"}],
)  # fmt: skip
def test_lists_of_class_names_are_found(files: dict, made: Callable) -> None:
    folder = made("yolo")
    (folder / "classes.txt").unlink()
    assert read_dataset(DatasetSource(folder)).photos[0].classes == ("1", "1")
    for name, content in files.items():
        (folder / name).write_text(content)
    assert read_dataset(DatasetSource(folder, format="yolo")).photos[0].classes == ("face", "face")


@pytest.mark.parametrize("text", ["[mask]", "mask", "{0: mask, 2: face}"])
def test_a_class_that_has_no_name_is_not_known(text: str, splits: Path) -> None:
    splits.write_text(f"train: train/images\nnames: {text}\n")
    (loss,) = read_dataset(DatasetSource(splits)).losses
    assert loss.file.name == "a.jpg"
    assert "class 1 is not in names" in loss.reason
