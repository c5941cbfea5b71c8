"""Which label file belongs to which image of a YOLO dataset."""

import shutil
from pathlib import Path

import pytest
from PIL import Image

from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.formats.recognise import splits_of
from facedet.data.losses import Lost

ROW = "0 0.25 0.35 0.3 0.5\n"
BOX = [20, 10, 80, 60]


def write(folder: Path, *names: str) -> DatasetSource:
    """Images of 200x100, and files with one box; the labels of b.jpg among them."""
    for name in (*names, "images/b.jpg", "labels/b.txt"):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix in (".jpg", ".png"):
            Image.new("RGB", (200, 100)).save(file)
        else:
            file.write_text(ROW)
    return DatasetSource(folder, allow_losses=True)


@pytest.mark.parametrize(
    ("image", "label"),
    [("a.jpg", "a.TXT"), ("a.jpg", "a.Txt"), ("149.jpg", "149.jpg.txt"), ("a.JPG", "a.txt"),
     ("\u00fc.jpg", "u\u0308.txt"), ("u\u0308.jpg", "\u00fc.txt"), ("a.b.jpg", "a.b.txt")],
)  # fmt: skip
@pytest.mark.parametrize("folder", ["labels", "images"])
def test_the_name_of_a_label_file_has_several_forms(image: str, label: str, folder: str, tmp_path: Path) -> None:
    write(tmp_path, "images/b.jpg", f"{folder}/{label}")
    Image.new("RGB", (200, 100)).save(tmp_path / "images" / image, format="JPEG")
    dataset = read_dataset(DatasetSource(tmp_path))
    assert {p.path.name: p.boxes.round().tolist() for p in dataset.photos} == {image: [BOX], "b.jpg": [BOX]}
    assert dataset.losses == []


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (["images/a.jpg", "labels/a.txt", "labels/a.TXT"], "it has two label files, a.TXT and a.txt"),
        (["images/a.jpg", "labels/a.txt", "labels/a.jpg.txt"], "it has two label files, a.jpg.txt and a.txt"),
        (["images/a.jpg", "images/a.xml"], "it is annotated in a.xml, another format"),
        (["images/a.jpg", "labels/a.json"], "it is annotated in a.json, another format"),
        (["images/a.jpg", "images/a.png", "labels/a.txt"], "a.jpg and a.png share one label file, a.txt"),
        (["images/a.jpg", "labels/A.txt"], "its label file may be A.txt, which differs in the case of letters"),
    ],
)
def test_an_image_whose_label_file_is_not_certain_is_not_used(files: list, reason: str, tmp_path: Path) -> None:
    dataset = read_dataset(write(tmp_path, *files))
    assert [p.path.name for p in dataset.photos] == ["b.jpg"]
    assert {loss.file.name for loss in dataset.losses} == {Path(f).name for f in files if f.endswith(("jpg", "png"))}
    assert all(loss.kind == Lost.IMAGE and loss.reason.endswith(reason) for loss in dataset.losses)


def test_an_annotation_in_another_format_beside_a_label_file_does_not_count(tmp_path: Path) -> None:
    dataset = read_dataset(write(tmp_path, "images/b.xml", "labels/b.json", "images/a.jpg", "images/other.xml"))
    assert [(p.path.name, len(p.boxes)) for p in dataset.photos] == [("a.jpg", 0), ("b.jpg", 1)]
    assert dataset.losses == []


def test_the_label_file_of_an_image_is_not_that_of_one_whose_name_differs_in_case(tmp_path: Path) -> None:
    dataset = read_dataset(write(tmp_path, "images/a.jpg", "images/A.jpg", "labels/A.txt"))
    assert [(p.path.name, len(p.boxes)) for p in dataset.photos] == [("A.jpg", 1), ("a.jpg", 0), ("b.jpg", 1)]


@pytest.mark.parametrize("train", ["train", "Train"])
def test_the_subsets_of_cvat_are_splits(train: str, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    for subset, name in ((train, "a"), ("valid", "b")):
        write(folder / f"obj_{subset}_data", f"{name}.jpg", f"{name}.txt")
        for kind in ("images", "labels"):
            shutil.rmtree(folder / f"obj_{subset}_data" / kind)
        (folder / f"{subset}.txt").write_text(f"data/obj_{subset}_data/{name}.jpg\n")
    (folder / "obj.names").write_text("face\n")
    (folder / "obj.data").write_text("classes = 1\ntrain = data/train.txt\nnames = data/obj.names\n")
    for path in (folder, Path(shutil.make_archive(str(folder), "zip", folder))):
        assert splits_of(path) == ["train", "val"]
        for split, name in (("train", "a.jpg"), ("val", "b.jpg")):
            (photo,) = read_dataset(DatasetSource(path, split=split)).photos
            assert (photo.path.name, photo.boxes.round().tolist(), photo.classes) == (name, [BOX], ("face",))
    shutil.rmtree(folder / "obj_valid_data")
    assert splits_of(folder) == []  # a dataset without splits
    assert len(read_dataset(DatasetSource(folder, split="val")).photos) == 1


def test_a_label_file_outside_of_the_dataset_is_none_of_its_images(tmp_path: Path) -> None:
    """A data.yaml may lie far above: the folders beside the dataset are others, and may be large."""
    write(tmp_path / "sets/faces", "images/train/a.jpg", "images/train/c.jpg", "labels/train/c.txt")
    (tmp_path / "runs/labels").mkdir(parents=True)
    (tmp_path / "runs/labels/a.txt").write_text(ROW)
    (tmp_path / "data.yaml").write_text("path: sets/faces\ntrain: images/train\nval: images\n")
    dataset = read_dataset(DatasetSource(tmp_path / "data.yaml", split="train"))
    assert {p.path.name: len(p.boxes) for p in dataset.photos} == {"a.jpg": 0, "c.jpg": 1}
    (tmp_path / "sets/faces/labels2").mkdir()
    (tmp_path / "sets/faces/labels2/a.txt").write_text(ROW)
    dataset = read_dataset(DatasetSource(tmp_path / "data.yaml", split="train", allow_losses=True))
    assert [photo.path.name for photo in dataset.photos] == ["c.jpg"]
    assert "labels2/a.txt, which is not where it is expected" in dataset.skipped[0]
