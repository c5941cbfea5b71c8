"""Reading annotated photographs: every format gives the same set, and single faults are named and left out."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facedet.core.common.errors import UserError
from facedet.core.data.dataset import DatasetSource, read_dataset
from facedet.core.data.image import image_size, read_image, to_input, to_photo
from facedet.core.data.synthetic import draw_dataset


@pytest.fixture
def coco(tmp_path: Path) -> dict:
    """Two 100x80 pictures in tmp_path, one face that counts, one crowd; the caller may spoil it before `save`."""
    for name in ("a.png", "b.png"):
        Image.new("RGB", (100, 80), (90, 120, 200)).save(tmp_path / name)
    return {
        "images": [{"id": i, "file_name": n, "width": 100, "height": 80} for i, n in enumerate(("a.png", "b.png"))],
        "annotations": [
            {"id": 1, "image_id": 0, "category_id": 1, "bbox": [10, 20, 30, 40]},
            {"id": 2, "image_id": 0, "category_id": 7, "bbox": [50, 20, 30, 40], "iscrowd": 1},
        ],
        "categories": [{"id": 1, "name": "face"}, {"id": 7, "name": "crowd"}],
    }


def save(folder: Path, content: object) -> DatasetSource:
    (folder / "set.json").write_text(json.dumps(content))
    return DatasetSource(folder / "set.json")


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


def test_coco_boxes_become_corners_and_crowds_are_ignored(tmp_path: Path, coco: dict) -> None:
    first, second = read_dataset(save(tmp_path, coco)).photos
    assert first.boxes.tolist() == [[10, 20, 40, 60], [50, 20, 80, 60]]
    assert first.ignored.tolist() == [False, True]
    assert (second.width, second.height, len(second.boxes)) == (100, 80, 0)


def test_coco_images_may_lie_elsewhere(tmp_path: Path, coco: dict) -> None:
    (tmp_path / "pictures").mkdir()
    for name in ("a.png", "b.png"):
        (tmp_path / name).rename(tmp_path / "pictures" / name)
    source = save(tmp_path, coco)
    with pytest.raises(UserError, match="no usable picture"):
        read_dataset(source)
    assert len(read_dataset(DatasetSource(source.path, images=tmp_path / "pictures")).photos) == 2


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


def test_a_list_of_names_selects_and_names_what_it_misses(tmp_path: Path, coco: dict) -> None:
    (tmp_path / "names.txt").write_text("b\nc.png\n")
    source = save(tmp_path, coco)
    chosen = read_dataset(DatasetSource(source.path, names=tmp_path / "names.txt"))
    assert [p.path.name for p in chosen.photos] == ["b.png"]
    assert chosen.skipped == ["c.png: in the list of names but not in the set"]


@pytest.mark.parametrize(
    ("box", "left"),
    [
        ([-5, -5, 20, 20], [[0, 0, 15, 15]]),
        ([90, 70, 50, 50], [[90, 70, 100, 80]]),
        ([200, 10, 20, 20], []),
        ([10, 10, 0, 20], []),
        ([10, 10, -5, 20], []),
        ([10, 10, float("nan"), 20], []),
        ([10, None, 20, 20], []),
        ([1, 2, 3], []),
        (None, []),
    ],
)
def test_bad_boxes_are_clipped_or_named_and_left_out(tmp_path: Path, coco: dict, box: list, left: list) -> None:
    coco["annotations"] = [{"id": 1, "image_id": 0, "category_id": 1, "bbox": box}]
    faces = read_dataset(save(tmp_path, coco))
    assert faces.photos[0].boxes.tolist() == left
    assert len(faces.skipped) == (not left)
    assert all("a.png" in line and "box [" in line for line in faces.skipped)


def test_a_missing_and_a_wrongly_sized_picture_are_named_and_left_out(tmp_path: Path, coco: dict) -> None:
    coco["images"][1]["width"] = 50
    coco["images"].append({"id": 9, "file_name": "gone.png"})
    faces = read_dataset(save(tmp_path, coco))
    assert [p.path.name for p in faces.photos] == ["a.png"]
    assert "annotated as 50x80 but is 100x80" in faces.skipped[0]
    assert "gone.png: cannot be read as a picture (no such file)" in faces.skipped[1]


@pytest.mark.parametrize(
    "content",
    ["no json", "[]", "{}", '{"images": [], "annotations": [{}]}', '{"images": [{"id": 1}], "annotations": []}',
     '{"images": [{"id": 1, "file_name": "a.png", "width": 1e999}], "annotations": []}',
     '{"images": [{"id": 1, "file_name": "a"}, {"id": 1, "file_name": "b"}], "annotations": []}',
     '{"images": 3, "annotations": []}'],
)  # fmt: skip
def test_a_json_that_is_no_coco_set_is_said_to_be_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "set.json").write_text(content)
    with pytest.raises(UserError, match=r"set\.json: (not a COCO json|no usable picture)"):
        read_dataset(DatasetSource(tmp_path / "set.json"))


@pytest.mark.parametrize(
    "content",
    ["<annotation>", "<html></html>", '<?xml version="1.0" encoding="nix"?><annotation/>',
     "<annotation><size><width>inf</width></size></annotation>"],
)  # fmt: skip
def test_an_xml_that_is_no_voc_annotation_is_said_to_be_none(tmp_path: Path, content: str) -> None:
    folder = voc(tmp_path / "set", [(1, 2, 3, 4)])
    (folder / "annotations" / "a.xml").write_text(content)
    with pytest.raises(UserError, match=r"a\.xml: not a Pascal VOC annotation"):
        read_dataset(DatasetSource(folder))


def test_a_voc_object_without_a_box_is_named_and_left_out(tmp_path: Path) -> None:
    folder = voc(tmp_path / "set", [(1, 2, 30, 40)])
    file = folder / "annotations" / "a.xml"
    file.write_text(file.read_text().replace("</annotation>", "<object><name>y</name></object></annotation>"))
    faces = read_dataset(DatasetSource(folder))
    assert faces.faces == 1
    assert "box [nan" in faces.skipped[0]


def test_annotations_of_no_image_are_named_and_entries_of_one_file_are_one(tmp_path: Path, coco: dict) -> None:
    coco["images"].append({"id": 5, "file_name": "a.png", "width": 100, "height": 80})
    coco["annotations"] += [
        {"id": 3, "image_id": 5, "category_id": 1, "bbox": [0, 0, 10, 10]},
        {"id": 4, "image_id": "0", "category_id": 1, "bbox": [0, 0, 10, 10]},
    ]
    faces = read_dataset(save(tmp_path, coco))
    assert [(p.path.name, len(p.boxes)) for p in faces.photos] == [("a.png", 3), ("b.png", 0)]
    assert "annotation 4: no image '0'" in faces.skipped[0]


def test_names_in_folders_are_told_apart(tmp_path: Path, coco: dict) -> None:
    for folder, image in zip("ab", coco["images"], strict=True):
        (tmp_path / folder).mkdir()
        (tmp_path / image["file_name"]).rename(tmp_path / folder / "1.png")
        image["file_name"] = f"{folder}/1.png"
    source, names = save(tmp_path, coco), tmp_path / "names.txt"
    for line in ("b/1.png", "b/1", "\ufeffb/1.png"):
        names.write_text(line, encoding="utf-8")
        (photo,) = read_dataset(DatasetSource(source.path, names=names)).photos
        assert photo.path.parent.name == "b"
    names.write_text("1.png")
    with pytest.raises(UserError, match=r"'1\.png' fits .*; write more of the path"):
        read_dataset(DatasetSource(source.path, names=names))


def test_pictures_of_every_kind_are_read_as_bgr(tmp_path: Path) -> None:
    rgb = np.zeros((20, 30, 3), np.uint8)
    rgb[:, :15] = (250, 10, 40)
    colour = Image.fromarray(rgb)
    grey16 = Image.fromarray(np.full((20, 30), 200 * 256, np.uint16))
    kinds = {
        "rgb.png": (colour, (40, 10, 250)),
        "rgba.png": (colour.convert("RGBA"), (40, 10, 250)),
        "palette.png": (colour.convert("P", palette=Image.Palette.ADAPTIVE), (40, 10, 250)),
        "grey.png": (Image.new("L", (30, 20), 77), (77, 77, 77)),
        "grey16.png": (grey16, (200, 200, 200)),
        "two.png": (Image.new("1", (30, 20), 1), (255, 255, 255)),
        "cmyk.tif": (Image.new("CMYK", (30, 20), (0, 255, 255, 0)), (0, 0, 255)),
    }
    for name, (image, corner) in kinds.items():
        image.save(tmp_path / name)
        read = read_image(tmp_path / name)
        assert (read.shape, read.dtype) == ((20, 30, 3), np.uint8), name
        assert np.abs(read[0, 0].astype(int) - corner).max() <= 2, name


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    image = Image.new("RGB", (30, 20))
    image.putpixel((0, 0), (255, 255, 255))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the first row is the picture's right side
    image.save(tmp_path / "turned.png", exif=exif)
    assert image_size(tmp_path / "turned.png") == (20, 30)
    upright = read_image(tmp_path / "turned.png")
    assert upright.shape == (30, 20, 3)
    assert upright[0, 19].tolist() == [255, 255, 255]


def test_a_truncated_picture_is_not_read(tmp_path: Path) -> None:
    Image.effect_noise((200, 200), 90).save(tmp_path / "whole.jpg")
    whole = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "half.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"half\.jpg: cannot be read as a picture"):
        read_image(tmp_path / "half.jpg")


def test_boxes_return_from_the_input_to_the_photograph() -> None:
    assert to_input(np.zeros((50, 200, 3), np.uint8), 64).shape == (64, 64, 3)
    assert to_photo(np.array([[0, 32, 64, 64]], np.float32), 64, 200, 50).tolist() == [[0, 25, 200, 50]]


def test_the_drawn_set_is_the_same_each_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        draw_dataset(tmp_path / name, 4, seed=5, name="set")
    first, second = (sorted((tmp_path / n).rglob("*.*")) for n in ("one", "two"))
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]
    assert read_dataset(DatasetSource(tmp_path / "one" / "set.json")).faces > 0
