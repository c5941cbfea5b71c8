"""The splits of a dataset: found in folders, and none is passed over."""

import shutil
from pathlib import Path

import pytest
from helpers.archives import LABEL, image

from facedet.common.errors import UserError
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.formats.recognise import has_train_and_val


def test_splits_in_folders_are_chosen_by_name(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        image(tmp_path / split / "images" / f"{split}.png")
        (tmp_path / split / "labels").mkdir()
        (tmp_path / split / "labels" / f"{split}.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    assert has_train_and_val(tmp_path)
    assert not has_train_and_val(tmp_path / "train")
    for split, stem in (("train", "train"), ("val", "valid")):
        assert [p.path.stem for p in read_dataset(DatasetSource.of(tmp_path, split)).photos] == [stem]
    assert len(read_dataset(DatasetSource(tmp_path)).photos) == 2
    with pytest.raises(UserError, match="has no 'test'; add it"):
        read_dataset(DatasetSource(tmp_path, split="test"))
    shutil.make_archive(str(tmp_path.parent / "whole"), "zip", tmp_path.parent, tmp_path.name)
    zipped = tmp_path.parent / "whole.zip"  # with one folder at its top
    assert has_train_and_val(zipped)
    assert [p.path.stem for p in read_dataset(DatasetSource.of(zipped, "val")).photos] == ["valid"]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"valid/photo.png": b""}, "valid: has no annotations of a known format, unlike the other splits"),
        ({"valid/labels.csv": b"ImageID,XMin"}, "labels.csv: is a CSV of Open Images, which is not read"),
        ({"validation/labels/a.txt": LABEL, "valid/labels/a.txt": LABEL}, "contains several datasets for 'val'"),
        ({"extra/labels/a.txt": LABEL}, "contains train and the dataset extra; give one of the folders"),
    ],
)
def test_no_folder_beside_a_split_is_passed_over(more: dict[str, bytes], reason: str, tmp_path: Path) -> None:
    for name, content in {"train/labels/a.txt": LABEL, **more}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
        if name.endswith(".txt"):
            image(tmp_path / name.replace("labels", "images").replace(".txt", ".png"))
    with pytest.raises(UserError, match=reason):
        read_dataset(DatasetSource(tmp_path))


def test_a_split_for_tests_needs_no_annotations(tmp_path: Path) -> None:
    image(tmp_path / "train/images/a.png")
    image(tmp_path / "test/b.png")
    (tmp_path / "train/labels").mkdir()
    (tmp_path / "train/labels/a.txt").write_bytes(LABEL)
    assert [photo.path.name for photo in read_dataset(DatasetSource(tmp_path)).photos] == ["a.png"]


def test_the_same_annotation_of_an_image_in_two_splits_counts_once(tmp_path: Path) -> None:
    image(tmp_path / "images/a.png")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/a.txt").write_bytes(LABEL)
    (tmp_path / "data.yaml").write_text("train: images\nval: ./images/../images\n")
    dataset = read_dataset(DatasetSource(tmp_path))
    assert ([len(photo.boxes) for photo in dataset.photos], dataset.losses) == ([1], [])
