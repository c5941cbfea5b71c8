"""Every format of a set is told by its content and reads to the same photographs; faults are named."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.formats import FACES, MARKED, SIZES, WRITERS, file_in, plain, spoil

from facedet.core.common.errors import UserError
from facedet.core.data.dataset import FORMATS, DatasetSource, read_dataset, recognise


@pytest.mark.parametrize("format", FORMATS)
def test_every_form_is_recognised_and_reads_to_the_same_photographs(format: str, made: Callable) -> None:
    path = made(format)
    assert recognise(path) == format
    expected = [
        (
            name,
            *size,
            [[x, y, x + w, y + h] for x, y, w, h, _ in FACES[name]],
            [bool(ignored) and format in MARKED for *_, ignored in FACES[name]],
            ("face",) * len(FACES[name]),
        )
        for name, size in SIZES.items()
    ]
    for source in (DatasetSource(path), DatasetSource(path, format=format)):
        faces = read_dataset(source)
        assert plain(faces) == expected
        assert faces.skipped == []


@pytest.mark.parametrize("format", ["coco", "cvat", "datumaro", "wider"])
def test_a_set_in_one_file_is_recognised_by_the_file_and_its_pictures_may_lie_elsewhere(
    format: str, made: Callable, tmp_path: Path
) -> None:
    folder = made(format)
    file = next(f for s in ("json", "xml", "txt") for f in folder.rglob(f"*.{s}"))
    moved = tmp_path / "elsewhere" / "annotated.data"
    moved.parent.mkdir()
    file.rename(moved)
    assert recognise(moved) == format
    beside = file_in(tmp_path / format, "a.jpg").parent
    images = beside.parent if format == "wider" else beside
    assert len(read_dataset(DatasetSource(moved, images=images)).photos) == 3


@pytest.mark.parametrize(
    ("path", "text"),
    [("set.txt", "a.jpg\nb.jpg\n"), ("set.xml", "<html/>"), ("set.csv", "1,2,3"), ("folder/a.txt", "hello"),
     ("folder/set.json", "{}"), ("folder/annotations/list.txt", "a.jpg\n")],
)  # fmt: skip
def test_what_is_no_set_is_told_with_the_forms_there_are(path: str, text: str, tmp_path: Path) -> None:
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text(text)
    with pytest.raises(UserError, match=r"not a set of any format .*: coco, cvat, datumaro, voc, wider or yolo"):
        recognise(tmp_path / path.split("/")[0])


def test_an_unknown_form_and_two_sets_in_one_folder_are_refused(made: Callable) -> None:
    folder = made("coco")
    with pytest.raises(UserError, match=r"'kitti' is no format of a set; .*--format"):
        read_dataset(DatasetSource(folder, format="kitti"))
    shutil.copy(folder / "set.json", folder / "other.json")
    with pytest.raises(UserError, match=r"holds other\.json \(coco\) and set\.json \(coco\); give one of the files"):
        read_dataset(DatasetSource(folder))
    with pytest.raises(UserError, match="gone: no such file or folder"):
        read_dataset(DatasetSource(folder / "gone"))


def test_the_form_given_overrides_the_one_recognised(made: Callable) -> None:
    folder = made("coco")
    with pytest.raises(UserError, match=r"set\.json: not a Datumaro json"):
        read_dataset(DatasetSource(folder / "set.json", format="datumaro"))
    with pytest.raises(UserError, match="not a set of the format cvat"):
        read_dataset(DatasetSource(folder, format="cvat"))
    assert [p.boxes.size for p in read_dataset(DatasetSource(folder, format="yolo")).photos] == [0, 0, 0]
    WRITERS["voc"](folder)
    with pytest.raises(UserError, match=r"holds a set of the format voc and set\.json \(coco\)"):
        read_dataset(DatasetSource(folder))
    assert read_dataset(DatasetSource(folder, format="voc")).faces == 2


# WIDER FACE


def test_wider_zero_face_pictures_may_have_a_line_of_zeros_or_none(made: Callable) -> None:
    folder = made("wider")
    spoil(folder / "wider_face_val_bbx_gt.txt", "0 0 0 0 0 0 0 0 0 0 \n", "")
    faces = read_dataset(DatasetSource(folder))
    assert [len(p.boxes) for p in faces.photos] == [2, 1, 0]
    assert faces.skipped == []


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [("b.png\n1\n", "b.png\n2\n", "1 lines of faces follow where 2 are counted"),
     ("b.png\n1\n", "b.png\n", "no count of faces follows the path"),
     ("b.png\n1\n", "b.png\n0\n", "1 lines of faces follow where 0 are counted")],
)  # fmt: skip
def test_wider_pictures_with_a_wrong_count_are_named_and_left_out(
    old: str, new: str, reason: str, made: Callable
) -> None:
    folder = made("wider")
    spoil(folder / "wider_face_val_bbx_gt.txt", old, new)
    faces = read_dataset(DatasetSource(folder))
    assert [p.path.name for p in faces.photos] == ["a.jpg", "c.jpg"]
    assert faces.skipped == [f"{folder / 'wider_face_val_bbx_gt.txt'}: 0--Parade/b.png: {reason}"]


def test_wider_malformed_faces_are_named_alone(made: Callable) -> None:
    folder = made("wider")
    spoil(folder / "wider_face_val_bbx_gt.txt", "10 20 30 40 0", "10 twenty 30 40 0")
    faces = read_dataset(DatasetSource(folder))
    assert [p.boxes.tolist() for p in faces.photos[:1]] == [[[50, 8, 75, 24]]]
    assert len(faces.skipped) == 1
    assert "a.jpg: box [nan" in faces.skipped[0]


def test_a_text_that_is_not_widers_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "set.txt").write_text("3\na.jpg\n")
    with pytest.raises(UserError, match=r"set\.txt: not WIDER FACE's text"):
        read_dataset(DatasetSource(tmp_path / "set.txt", format="wider"))
    (tmp_path / "set.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"set\.txt: not WIDER FACE's text"):
        read_dataset(DatasetSource(tmp_path / "set.txt", format="wider"))


# YOLO


@pytest.fixture
def splits(tmp_path: Path) -> Path:
    """A data.yaml: a.jpg and c.jpg are trained on, b.png validates."""
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
    with pytest.raises(UserError, match=r"data\.yaml: tells of no 'test'"):
        read_dataset(DatasetSource(splits, split="test"))


@pytest.mark.parametrize(
    "text",
    ["path: ../set\ntrain: [train/images, valid/images]\nnames: {1: face}\n",
     "path: /gone\ntrain:\n- train/images\n- valid/images\nnames:\n  1: face\n",
     "train: list.txt\nnames: {1: face}\n"],
)  # fmt: skip
def test_yolo_paths_may_be_lists_and_count_from_a_root(text: str, splits: Path) -> None:
    splits.write_text(text)
    (splits.parent / "list.txt").write_text("./train/images/a.jpg\ntrain/images/c.jpg\n\nvalid/images/b.png\n")
    assert names(DatasetSource(splits, split="train")) == ["a.jpg", "c.jpg", "b.png"]
    assert read_dataset(DatasetSource(splits)).photos[2].classes == ("face",)


def test_yolo_splits_that_are_missing_are_named(splits: Path) -> None:
    spoil(splits, "val: valid", "val: gone")
    faces = read_dataset(DatasetSource(splits))
    assert len(faces.photos) == 2
    assert "data.yaml: val: no such file or folder as" in faces.skipped[0]
    with pytest.raises(UserError, match=r"no usable picture.*val: no such file"):
        read_dataset(DatasetSource(splits, split="val"))


@pytest.mark.parametrize("text", ["train: [", "- 1\n- 2\n", "names: [face]\n", "train:\n"])
def test_a_yaml_that_is_no_data_yaml_is_said_to_be_none(text: str, splits: Path) -> None:
    splits.write_text(text)
    with pytest.raises(UserError, match=r"data\.yaml: not a YOLO data\.yaml"):
        read_dataset(DatasetSource(splits))


def test_yolo_txts_may_lie_beside_the_pictures_or_apart_from_them(made: Callable) -> None:
    folder = made("yolo")
    apart = read_dataset(DatasetSource(folder / "labels", images=folder / "images", format="yolo"))
    assert [len(p.boxes) for p in apart.photos] == [2, 1, 0]
    for file in (folder / "labels").iterdir():
        file.rename(folder / "images" / file.name)
    assert recognise(folder / "images") == "yolo"
    assert [len(p.boxes) for p in read_dataset(DatasetSource(folder / "images")).photos] == [2, 1, 0]


def test_yolo_faults_are_named_alone(made: Callable) -> None:
    folder = made("yolo")
    (folder / "labels" / "gone.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (folder / "images" / "c.jpg").write_text("no picture")
    label = folder / "labels" / "a.txt"
    label.write_text("face 0.5 0.5 0.1 0.1\n1 0.5 0.5 0.1\n\n" + label.read_text())
    faces = read_dataset(DatasetSource(folder))
    assert [(p.path.name, len(p.boxes)) for p in faces.photos] == [("a.jpg", 2), ("b.png", 1)]
    assert [
        sum(text in line for line in faces.skipped) for text in ("gone.txt: no picture", "c.jpg: ", "box [nan")
    ] == [
        1,
        1,
        2,
    ]


# CVAT and Datumaro


@pytest.mark.parametrize(
    ("text", "reason"),
    [("<annotation/>", "its root is <annotation>"), ("<annotations>", "no element found"), ("no xml", "syntax error"),
     ("<annotations><track><box/></track></annotations>", "CVAT for video; export the task as CVAT for images 1.1")],
)  # fmt: skip
def test_an_xml_that_is_not_cvats_is_said_to_be_none(text: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "set.xml").write_text(text)
    with pytest.raises(UserError, match=rf"set\.xml: not a CVAT for images 1\.1 xml \(.*{reason}"):
        read_dataset(DatasetSource(tmp_path / "set.xml", format="cvat"))


def test_cvat_faults_are_named_alone_and_turned_boxes_get_their_hull(made: Callable) -> None:
    folder = made("cvat")
    file = folder / "annotations.xml"
    spoil(file, 'name="c.jpg"', "")
    spoil(file, 'xtl="10"', 'xtl="ten"')
    spoil(file, 'xtl="50"', 'rotation="90.0" xtl="50"')
    faces = read_dataset(DatasetSource(folder))
    assert [p.path.name for p in faces.photos] == ["a.jpg", "b.png"]
    assert faces.photos[0].boxes == pytest.approx(np.array([[54.5, 3.5, 70.5, 28.5]]))
    assert "annotations.xml: image 2: malformed (KeyError: 'name')" in faces.skipped[0]
    assert "a.jpg: box [nan" in faces.skipped[1]


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"items": []}', '{"items": [], "categories": {"label": {}}}'])
def test_a_json_that_is_not_datumaros_is_said_to_be_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "set.json").write_text(text)
    with pytest.raises(UserError, match=r"set\.json: not a Datumaro json"):
        read_dataset(DatasetSource(tmp_path / "set.json", format="datumaro"))


def test_datumaro_faults_are_named_alone_and_an_id_stands_for_a_path(made: Callable) -> None:
    file = made("datumaro") / "annotations" / "default.json"
    content = json.loads(file.read_text())
    first, second, third = content["items"]
    first["annotations"][0]["bbox"] = [1, 2, None, 4]
    first["annotations"][1]["label_id"] = 7
    del second["image"]
    third["annotations"] = 3
    file.write_text(json.dumps({**content, "items": [first, second, third, "no item"]}))
    faces = read_dataset(DatasetSource(file))
    assert [(p.path.name, p.classes) for p in faces.photos] == [("a.jpg", ("label 7",)), ("b.png", ("face",))]
    assert [("item 2" in line, "item 3" in line) for line in faces.skipped[:2]] == [(True, False), (False, True)]
    assert "a.jpg: box [nan" in faces.skipped[2]


# Conversion
