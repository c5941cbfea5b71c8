"""What of a dataset cannot be used is named and counted, and too much of it is refused."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.formats import FACES, facedet, find_file, replace_in
from PIL import Image

from facedet.common.errors import UserError
from facedet.data.dataset import DatasetSource, read_annotations, read_dataset
from facedet.data.inspect.check import check_dataset
from facedet.data.losses import Loss, Lost, too_many

BOX = [2, 2, 8, 8]
OUTSIDE = [50, 50, 8, 8]
BORDERS = [(0, 10, True), (1, 2, True), (1, 10, True), (2, 200, True), (2, 199, False), (2, 10, False),
           (3, 300, True), (3, 200, False)]  # fmt: skip


def dataset(folder: Path, boxes: list[list]) -> DatasetSource:
    """A COCO dataset with an image of 16x16 for each list of boxes."""
    for k in range(len(boxes)):
        Image.new("L", (16, 16)).save(folder / f"{k}.png")
    content = {
        "images": [{"id": k, "file_name": f"{k}.png"} for k in range(len(boxes))],
        "annotations": [{"id": k, "image_id": k, "bbox": box} for k, of_image in enumerate(boxes) for box in of_image],
    }
    (folder / "set.json").write_text(json.dumps(content))
    return DatasetSource(folder / "set.json")


def lose_images(folder: Path, lost: int, total: int) -> DatasetSource:
    return dataset(folder, [[BOX, None]] * lost + [[BOX]] * (total - lost))


def lose_boxes(folder: Path, lost: int, total: int) -> DatasetSource:
    return dataset(folder, [[OUTSIDE] * lost + [BOX] * (total - lost)])


def lose_names(folder: Path, lost: int, total: int) -> DatasetSource:
    (folder / "names.txt").write_text("\n".join(f"{k - lost}.png" for k in range(total)))
    return replace(dataset(folder, [[BOX]] * (total - lost)), names=folder / "names.txt")


@pytest.mark.parametrize(("lost", "total", "allowed"), BORDERS)
def test_more_than_one_and_more_than_one_percent_are_too_many(lost: int, total: int, allowed: bool) -> None:
    assert too_many(lost, total) is not allowed


@pytest.mark.parametrize(("lose", "kind", "plural"), [(lose_images, Lost.IMAGE, "images"),
                                                      (lose_boxes, Lost.BOX, "boxes"),
                                                      (lose_names, Lost.NAME, "listed names")])  # fmt: skip
@pytest.mark.parametrize(("lost", "total", "allowed"), BORDERS[2:6])
def test_too_many_losses_are_refused_unless_they_are_allowed(
    lose: Callable, kind: Lost, plural: str, lost: int, total: int, allowed: bool, tmp_path: Path
) -> None:
    source = lose(tmp_path, lost, total)
    if not allowed:
        with pytest.raises(UserError, match=rf": {lost} of {total} {plural} cannot be used, .*--allow-losses"):
            read_dataset(source)
    read = read_dataset(replace(source, allow_losses=not allowed))
    assert [loss.kind for loss in read.losses] == [kind] * lost


def test_a_refusal_names_the_first_three_reasons(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        read_dataset(lose_images(tmp_path, 4, 10))
    reasons = [
        f"{tmp_path / f'{k}.png'}: its annotation cannot be read completely: "
        f"annotation {k} has neither a bbox nor a segmentation"
        for k in range(3)
    ]
    assert f"({'; '.join(reasons)}; ...)" in str(error.value)


def test_a_dataset_without_a_usable_image_is_refused_even_with_allowed_losses(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no usable image .*neither a bbox nor a segmentation"):
        read_dataset(replace(lose_images(tmp_path, 1, 1), allow_losses=True))


def test_annotations_without_a_place_are_never_too_many(made: Callable) -> None:
    folder = made("cvat")
    replace_in(folder / "annotations.xml", "</image>", '<tag label="a"/><tag label="b"/><tag label="c"/></image>')
    assert [loss.kind for loss in read_dataset(DatasetSource(folder)).losses] == [Lost.ANNOTATION] * 3


def test_images_that_are_not_listed_do_not_count_as_lost(made: Callable, tmp_path: Path) -> None:
    folder = made("yolo")
    for name in ("b.png", "c.jpg"):
        (folder / "images" / name).write_bytes(b"")
    (tmp_path / "names.txt").write_text("a.jpg\n")
    source = DatasetSource(folder, names=tmp_path / "names.txt")
    assert [p.path.name for p in read_dataset(source).photos] == ["a.jpg"]
    with pytest.raises(UserError, match="2 of 3 images"):
        read_dataset(replace(source, names=None))


DAMAGE = {  # format: file with the annotation of a.jpg, text, damaged text, reason
    "coco": ("set.json", "[10, 20, 30, 40]", '[10, 20, 30, "wide"]', "not numbers: [10, 20, 30, 'wide']"),
    "cvat": ("annotations.xml", 'xtl="10" ', "", "xtl is missing"),
    "datumaro": ("default.json", "[10, 20, 30, 40]", "[10, 20, 30]", "3 numbers instead of 4: [10, 20, 30]"),
    "labelme": (
        "a.json",
        '"shape_type": "rectangle"',
        '"shape_type": "point"',
        "a point 'face' with 2 points is no box and encloses none",
    ),
    "labelstudio": ("project.json", '"x": 10.0, ', '"x": null, ', "not numbers: [None, 25.0, 30.0, 50.0]"),
    "via": ("via_project.json", '"x": 10, ', "", "x is missing"),
    "voc": ("a.xml", "<xmin>10<", "<xmin>nan<", "not finite numbers: ['nan', '20', '40', '60']"),
    "wider": (
        "*_gt.txt",
        "10 20 30 40 0 0 0 0 0 0",
        "10 20 30 40",
        "4 numbers instead of 10: ['10', '20', '30', '40']",
    ),
    "yolo": ("a.txt", "1 0.25 ", "1 0.25 0.5 ", "6 columns: a box with one more number (confidence, track or angle)"),
}


@pytest.fixture(params=DAMAGE)
def damaged(request: pytest.FixtureRequest, made: Callable, tmp_path: Path) -> tuple[Path, Loss]:
    """A dataset of each format with a damaged face in a.jpg, and the loss that it causes."""
    folder = made(request.param)
    pattern, old, new, reason = DAMAGE[request.param]
    replace_in(find_file(folder, pattern), old, new)
    return folder, Loss(Lost.IMAGE, find_file(tmp_path, "a.jpg"), f"its annotation cannot be read completely: {reason}")


def test_a_damaged_annotation_removes_its_image_and_says_what_is_wrong(damaged: tuple[Path, Loss]) -> None:
    folder, loss = damaged
    read = read_dataset(DatasetSource(folder))
    assert {p.path.name: len(p.boxes) for p in read.photos} == {n: len(FACES[n]) for n in ("b.png", "c.jpg")}
    assert read.losses == [loss]


def test_a_damaged_annotation_fails_the_check(damaged: tuple[Path, Loss]) -> None:
    folder, loss = damaged
    findings = [f for f in check_dataset(DatasetSource(folder), 640).findings if f.path == loss.file]
    assert [(f.kind, f.detail, f.hurts) for f in findings] == [("entry", loss.reason, True)]


def test_every_loss_fails_the_check(tmp_path: Path) -> None:
    source = lose_names(tmp_path, 1, 3)
    content = json.loads(source.path.read_text())
    content["images"].append({"id": 9, "file_name": "1.png"})
    content["annotations"].append({"id": 9, "image_id": "gone", "bbox": BOX})
    source.path.write_text(json.dumps(content))
    result = check_dataset(source, 64)
    found = {(f.path.name, f.detail) for f in result.findings if f.kind == "entry" and f.hurts}
    assert found == {
        ("names.txt", "-1.png: not in the dataset"),
        ("set.json", "annotation 9: no image 'gone'"),
        ("set.json", "1.png is there under several ids; their faces are merged"),
    }


@pytest.mark.parametrize("listed", ["a.jpg", "images/a.jpg", "a"])
def test_the_check_of_a_list_is_about_its_images_only(listed: str, made: Callable, tmp_path: Path) -> None:
    yolo, voc = made("yolo"), made("voc")
    (yolo / "images" / "b.png").write_bytes(b"no image")
    (yolo / "labels" / "gone.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (voc / "annotations" / "b.xml").write_text("<annotation>")
    names = tmp_path / "names.txt"
    names.write_text(f"{listed}\n")
    for folder in (yolo, voc):
        assert check_dataset(DatasetSource(folder, names=names), 64).findings == []
        assert check_dataset(DatasetSource(folder), 64).hurts
    names.write_text("b\n")
    for folder, lost in ((yolo, ["b.png", "names.txt"]), (voc, ["b.xml", "names.txt"])):
        losses: list[Loss] = []
        read_annotations(DatasetSource(folder, names=names), losses)
        assert sorted(loss.file.name for loss in losses) == lost


def test_the_check_of_a_list_keeps_what_is_about_the_annotation_file(made: Callable, tmp_path: Path) -> None:
    folder = made("cvat")
    replace_in(folder / "annotations.xml", '<image id="1" name="b.png"', '<image id="1"')
    (tmp_path / "names.txt").write_text("a.jpg\n")
    (finding,) = check_dataset(DatasetSource(folder, names=tmp_path / "names.txt"), 64).findings
    assert finding.detail == "image 1: malformed (KeyError: 'name')"


def test_an_annotation_with_a_malformed_flag_removes_its_image(made: Callable) -> None:
    folder = made("voc")
    replace_in(folder / "annotations" / "a.xml", "<difficult>0<", "<difficult>maybe<")
    (loss,) = read_dataset(DatasetSource(folder)).losses
    assert loss.reason == "its annotation cannot be read completely: 'maybe' is neither true nor false"


def test_a_datumaro_annotation_without_a_type_removes_its_image_once(made: Callable) -> None:
    folder = made("datumaro")
    replace_in(find_file(folder, "default.json"), '"type": "bbox", ', "")
    assert [loss.reason for loss in read_dataset(DatasetSource(folder)).losses] == [
        "its annotation cannot be read completely: type is missing"
    ]


@pytest.mark.parametrize(
    ("command", "written"),
    [(["convert", "--to", "coco"], "annotations.json"), (["split", "--val", "0.5"], "train.txt")],
)
def test_commands_stop_at_too_many_losses_unless_they_are_allowed(
    command: list[str], written: str, tmp_path: Path
) -> None:
    (tmp_path / "set").mkdir()
    path = lose_images(tmp_path / "set", 2, 6).path
    for k in range(2, 6):
        image = Image.radial_gradient("L").rotate(45 * k).crop((50 * k - 100, 0, 50 * k, 100)).resize((16, 16))
        image.save(tmp_path / "set" / f"{k}.png")
    arguments = ["data", command[0], path, *command[1:], "-o", tmp_path / "out"]
    done = facedet(*arguments)
    assert done.exit_code == 2, done.output
    assert "2 of 6 images cannot be used" in done.stderr
    assert not (tmp_path / "out" / written).exists()
    done = facedet(*arguments, "--allow-losses")
    assert done.exit_code == 0, done.output
    assert done.stderr.count("left out: ") == 2
    assert (tmp_path / "out" / written).is_file()
