"""Pascal VOC folder."""

from pathlib import Path

import pytest
from PIL import Image

from facedet.common.errors import UserError
from facedet.data.dataset import DatasetSource, read_dataset


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


def test_a_voc_object_without_a_box_is_left_out_and_reported(tmp_path: Path) -> None:
    folder = voc(tmp_path / "set", [(1, 2, 30, 40)])
    file = folder / "annotations" / "a.xml"
    file.write_text(file.read_text().replace("</annotation>", "<object><name>y</name></object></annotation>"))
    dataset = read_dataset(DatasetSource(folder))
    assert dataset.faces == 1
    assert "box [nan" in dataset.skipped[0]
