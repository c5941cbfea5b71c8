"""Pascal VOC folder."""

from pathlib import Path

import pytest
from PIL import Image

from facedet.common.errors import UserError
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.inspect.check import check_dataset
from facedet.data.inspect.findings import KINDS
from facedet.data.losses import Loss, Lost

OBJECT, BOX = (f"is at another place than {place}" for place in ("object", "object/bndbox or object/part/bndbox"))


def voc(folder: Path, boxes: list[tuple], difficult: tuple[int, ...] = (), size: tuple[int, int] = (100, 80)) -> Path:
    for name in ("images", "annotations"):
        (folder / name).mkdir(parents=True)
    Image.new("RGB", (100, 80)).save(folder / "images" / "a.jpg")
    objects = "".join(
        f"<object><name>x</name><difficult>{int(i in difficult)}</difficult><bndbox><xmin>{a}</xmin><ymin>{b}</ymin>"
        f"<xmax>{c}</xmax><ymax>{d}</ymax></bndbox></object>"
        for i, (a, b, c, d) in enumerate(boxes)
    )
    (folder / "annotations" / "a.xml").write_text(
        f"<annotation><filename>a.jpg</filename><size><width>{size[0]}</width><height>{size[1]}</height></size>"
        f"{objects}</annotation>"
    )
    return folder


def test_voc_difficult_faces_are_ignored(tmp_path: Path) -> None:
    (photo,) = read_dataset(
        DatasetSource(voc(tmp_path / "set", [(1, 2, 30, 40), (5, 5, 20, 20)], difficult=(1,)))
    ).photos
    assert photo.boxes.tolist() == [[1, 2, 30, 40], [5, 5, 20, 20]]
    assert photo.ignored.tolist() == [False, True]


def test_voc_reads_the_capitalised_folders_too(tmp_path: Path) -> None:
    folder = voc(tmp_path / "set", [(1, 2, 30, 40)])
    (folder / "images").rename(folder / "JPEGImages")
    (folder / "annotations").rename(folder / "Annotations")
    assert read_dataset(DatasetSource(folder)).faces == 1


@pytest.mark.parametrize(
    "content",
    ["<annotation>", "<html></html>", '<?xml version="1.0" encoding="nix"?><annotation/>',
     "<annotation><size><width>inf</width></size></annotation>"],
)  # fmt: skip
def test_an_xml_that_is_not_a_voc_annotation_is_refused(tmp_path: Path, content: str) -> None:
    folder = voc(tmp_path / "set", [(1, 2, 3, 4)])
    (folder / "annotations" / "a.xml").write_text(content)
    with pytest.raises(UserError, match=r"a\.xml: not a Pascal VOC annotation"):
        read_dataset(DatasetSource(folder))


def add_image(folder: Path, name: str, stated: str) -> None:
    """Write an image, and a copy of a.xml with its name that states another one."""
    Image.new("RGB", (100, 80)).save(folder / "images" / name)
    text = (folder / "annotations" / "a.xml").read_text()
    (folder / "annotations" / name).with_suffix(".xml").write_text(text.replace(">a.jpg<", f">{stated}<"))


@pytest.mark.parametrize(
    ("end", "added", "reason"),
    [
        ("</annotation>", "<object><name>y</name></object>", "an <object> 'y' has no <bndbox>"),
        ("</annotation>", "<bndbox />", f"an element <bndbox> {BOX}"),
        ("</bndbox>", "<bndbox />", f"an element <bndbox> {BOX}"),
        ("</object>", "<parts><bndbox /></parts>", f"an element <bndbox> {BOX}"),
        ("</object>", "<object><name>y</name></object>", f"an element <object> {OBJECT}"),
        ("</annotation>", "<objects><object><name>y</name></object></objects>", f"an element <object> {OBJECT}"),
    ],
)
def test_an_image_with_an_incomplete_voc_annotation_is_left_out_and_reported(
    end: str, added: str, reason: str, tmp_path: Path
) -> None:
    folder = voc(tmp_path / "set", [(1, 2, 30, 40)])
    add_image(folder, "b.jpg", "b.jpg")
    file = folder / "annotations" / "a.xml"
    file.write_text(file.read_text().replace(end, f"{added}{end}", 1))
    dataset = read_dataset(DatasetSource(folder))
    assert [(p.path.name, p.boxes.tolist()) for p in dataset.photos] == [("b.jpg", [[1, 2, 30, 40]])]
    reason = f"its annotation cannot be read completely: {reason}"
    assert dataset.losses == [Loss(Lost.IMAGE, folder / "images" / "a.jpg", reason)]


@pytest.mark.parametrize("stated", ["a.jpg", "gone.jpg", "", "C:\\old\\a.jpg"])
def test_the_image_of_a_voc_annotation_is_the_one_with_its_name(tmp_path: Path, stated: str) -> None:
    folder = voc(tmp_path / "set", [(1, 2, 30, 40)])
    add_image(folder, "b.jpg", stated)
    dataset = read_dataset(DatasetSource(folder))
    assert [p.path.name for p in dataset.photos] == ["a.jpg", "b.jpg"]
    assert dataset.losses == []


def test_without_an_image_of_its_name_a_voc_annotation_has_the_stated_one(tmp_path: Path) -> None:
    folder = voc(tmp_path / "set", [(1, 2, 30, 40)])
    (folder / "annotations" / "a.xml").rename(folder / "annotations" / "0001.xml")
    assert [p.path.name for p in read_dataset(DatasetSource(folder)).photos] == ["a.jpg"]


def test_an_image_with_two_voc_annotations_is_left_out(tmp_path: Path) -> None:
    folder = voc(tmp_path / "set", [(1, 2, 30, 40)])
    for name in ("b.jpg", "c.jpg"):
        add_image(folder, name, "a.jpg")
    (folder / "images" / "c.jpg").unlink()
    dataset = read_dataset(DatasetSource(folder))
    assert [p.path.name for p in dataset.photos] == ["b.jpg"]
    assert dataset.losses == [Loss(Lost.IMAGE, folder / "images" / "a.jpg", "a.xml and c.xml both describe it")]


def test_the_check_says_once_that_renamed_images_are_stated_under_another_name(tmp_path: Path) -> None:
    folder = voc(tmp_path / "set", [(1, 2, 30, 40)])
    for k in range(20):
        add_image(folder, f"new-{k:02d}.jpg", f"old-{k}.jpg")
    add_image(folder, "c.jpg", "c")
    result = check_dataset(DatasetSource(folder), 640)
    assert [(f.path, f.detail) for f in result.of_kind("remark")] == [
        (
            folder,
            "20 annotation files state another image than the one with their own name, which is used "
            "(first: new-00.xml: old-0.jpg)",
        )
    ]
    assert not KINDS["remark"].hurts
    dataset = read_dataset(DatasetSource(folder))
    assert len(dataset.photos) == 22
    assert dataset.losses == []


def test_two_images_with_the_name_of_a_voc_annotation_are_told_apart_by_the_stated_one(tmp_path: Path) -> None:
    folder = voc(tmp_path / "set", [(1, 2, 30, 40)])
    Image.new("RGB", (100, 80)).save(folder / "images" / "a.png")
    assert [p.path.name for p in read_dataset(DatasetSource(folder)).photos] == ["a.jpg"]
    add_image(folder, "b.jpg", "b.jpg")
    file = folder / "annotations" / "a.xml"
    file.write_text(file.read_text().replace("a.jpg", "old.jpg"))
    dataset = read_dataset(DatasetSource(folder))
    assert [p.path.name for p in dataset.photos] == ["b.jpg"]
    assert dataset.losses == [Loss(Lost.IMAGE, file, "a.jpg and a.png have its name; remove one of them")]


def test_a_folder_of_images_that_is_missing_is_refused(tmp_path: Path) -> None:
    folder = voc(tmp_path / "set", [(1, 2, 30, 40)])
    with pytest.raises(UserError, match="gone: is not a folder; give the folder of the images"):
        read_dataset(DatasetSource(folder, images=tmp_path / "gone"))


def test_the_check_says_how_many_images_have_no_annotation(tmp_path: Path) -> None:
    folder = voc(tmp_path / "set", [(1, 2, 30, 40)])
    add_image(folder, "b.jpg", "b.jpg")
    (folder / "annotations" / "b.xml").write_text("damaged")
    for name in ("c.jpg", "d.png"):
        Image.new("RGB", (100, 80)).save(folder / "images" / name)
    (remark,) = check_dataset(DatasetSource(folder), 640).of_kind("remark")
    first = folder / "images" / "c.jpg"
    assert remark.detail == f"2 images have no annotation file, and are not used (first: {first})"
