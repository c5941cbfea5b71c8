"""Each tool's export is read as it is: names, sizes and boxes, or the refusal."""

import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from helpers.foreign import CASES, FOREIGN, write
from helpers.odd import held

from facedet.cli import main
from facedet.common.errors import UserError
from facedet.data.convert import convert_dataset
from facedet.data.dataset import DatasetSource, read_annotations, read_dataset
from facedet.data.writers.table import TARGETS

# the rows of the table in docs/datasets.md, tool and export
DOCUMENTED = {
    ("CVAT", "CVAT for images 1.1"): "CVAT",
    ("CVAT", "COCO 1.0"): "COCO of CVAT",
    ("CVAT", "Datumaro 1.0"): "Datumaro",
    ("CVAT", "PASCAL VOC 1.1"): "VOC",
    ("CVAT", "YOLO 1.1"): "YOLO 1.1 of CVAT",
    ("CVAT", "Ultralytics YOLO Detection 1.0"): "YOLO list of another machine",
    ("Label Studio", "JSON"): "Label Studio",
    ("Label Studio", "JSON-MIN"): "Label Studio JSON-MIN",
    ("Label Studio", "COCO"): "COCO of Label Studio",
    ("Label Studio", "YOLO"): "YOLO of Label Studio",
    ("Roboflow", "COCO"): "COCO of Roboflow, from its root",
    ("Roboflow", "YOLO"): "YOLO of Roboflow, from its root",
    ("Roboflow", "Pascal VOC"): "VOC of Roboflow, from its root",
    ("FiftyOne", "COCODetectionDataset"): "COCO of FiftyOne",
    ("FiftyOne", "YOLOv5Dataset"): "YOLO of FiftyOne",
    ("FiftyOne", "VOCDetectionDataset"): "VOC of FiftyOne",
    ("FiftyOne", "CVATImageDataset"): "CVAT of FiftyOne",
    ("Ultralytics", "detect"): "YOLO",
    ("Ultralytics", "segment"): "YOLO segmentation",
    ("Ultralytics", "pose"): "YOLO pose with pairs",
    ("Ultralytics", "obb"): "YOLO oriented boxes",
    ("labelImg", "PascalVOC"): "labelImg",
    ("labelImg", "YOLO"): "YOLO of labelImg",
    ("RectLabel", "PASCAL VOC"): "RectLabel",
    ("LabelMe", "JSON"): "LabelMe",
    ("X-AnyLabeling", "JSON"): "X-AnyLabeling",
    ("VIA", "project"): "VIA project",
    ("VIA", "annotations as JSON"): "VIA export",
    ("WIDER FACE", "annotations and images"): "WIDER",
}
_PAGE = Path(__file__).parents[2] / "docs" / "datasets.md"


def documented() -> dict[tuple[str, str], str]:
    """Tool and export -> the command in the table of the page."""
    section = _PAGE.read_text(encoding="utf-8").split("## Exports of tools")[1].split("\n## ")[0]
    rows = (
        [cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("| ")
    )
    return {(tool, export): command.strip("`") for tool, export, command in rows if command.startswith("`")}


def _name(image: Path, folder: Path) -> str:
    return image.relative_to(folder).as_posix()


def zipped(source: DatasetSource, folder: Path) -> DatasetSource:
    """The same dataset in a zip, from which the folder has gone."""
    name = shutil.make_archive(str(folder.with_suffix("")), "zip", folder)
    shutil.rmtree(folder)
    return replace(source, path=Path(name) / source.path.relative_to(folder))


@pytest.mark.parametrize("form", ["folder", "zip"])
@pytest.mark.parametrize("name", CASES)
def test_an_export_is_read_as_its_tool_means_it(name: str, form: str, tmp_path: Path) -> None:
    case, folder = CASES[name], tmp_path / "set"
    source = write(case, folder)
    if form == "zip":
        source, folder = zipped(source, folder), tmp_path / "set.zip"
    if case.refused:
        with pytest.raises(UserError, match=case.refused):
            read_dataset(source)
        return
    dataset = read_dataset(source)
    boxes = {_name(photo.path, folder): photo.boxes for photo in dataset.photos}
    assert boxes.keys() == case.expected.keys()
    for image, expected in case.expected.items():
        np.testing.assert_allclose(boxes[image], np.reshape(expected, (-1, 4)), atol=0.01, err_msg=image)
    assert {(photo.width, photo.height) for photo in dataset.photos} == {(100, 80)}
    ignored = [(_name(p.path, folder), int(k)) for p in dataset.photos for k in np.flatnonzero(p.ignored)]
    assert tuple(ignored) == case.ignored
    assert not case.classes or dataset.classes == set(case.classes)
    assert len(dataset.losses) == len(case.lost), dataset.skipped
    assert all(any(reason in str(loss) for loss in dataset.losses) for reason in case.lost), dataset.skipped


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("CVAT", {"box": 1, "rotated box": 1, "polygon": 1, "ellipse": 1, "mask": 1, "skeleton": 1}),
        ("COCO of CVAT's rotated boxes", {"box": 2, "rotated box": 1}),
        ("COCO of segmentations", {"polygon": 1, "mask": 1}),
        ("Datumaro of rotated shapes", {"box": 2, "rotated box": 3, "ellipse": 1, "polygon": 1, "cuboid": 1}),
        ("VOC of CVAT's rotated boxes", {"rotated box": 1}),
        ("LabelMe", {"box": 1, "polygon": 1, "circle": 1}),
        ("Label Studio", {"box": 2, "rotated box": 1, "ellipse": 1, "polygon": 1}),
        ("VIA project", {"box": 1, "circle": 1, "ellipse": 1, "polygon": 1}),
        ("YOLO segmentation", {"polygon": 1}),
        ("YOLO pose with triples", {}),
        ("labelImg", {}),
        ("WIDER", {}),
    ],
)
def test_a_box_knows_its_shape(name: str, shapes: dict, tmp_path: Path) -> None:
    photos = [photo for photo in read_annotations(write(CASES[name], tmp_path), []) if not photo.unread]
    assert all(len(photo.shapes) in (0, len(photo.boxes)) for photo in photos)
    assert Counter(shape for photo in photos for shape in photo.shapes) == shapes


def test_every_foreign_file_is_read() -> None:
    assert {path.name for path in FOREIGN.iterdir()} == {
        name for case in CASES.values() for name in case.files.values()
    }


def test_every_tool_of_the_page_has_an_export_here() -> None:
    assert documented().keys() == DOCUMENTED.keys()


@pytest.mark.parametrize("row", DOCUMENTED, ids=": ".join)
def test_the_command_of_the_page_reads_the_export(
    row: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, command = CASES[DOCUMENTED[row]], documented()[row].split()
    write(case, tmp_path / "export")
    if command[-1].endswith(".zip"):
        shutil.make_archive(str(tmp_path / "export"), "zip", tmp_path / "export")
    monkeypatch.chdir(tmp_path)
    assert command[0] == "facedet"
    done = CliRunner().invoke(main, [*command[1:], "--json", "check.json"])
    assert done.exit_code in (0, 1), done.output  # some exports have losses or boxes that a check complains about
    sets = json.loads((tmp_path / "check.json").read_text())["sets"]
    checked = [boxes for name, boxes in case.expected.items() if not name.startswith("test/")]  # train and val
    assert sum(each["faces"] + each["ignored"] for each in sets) == sum(map(len, checked))


@pytest.mark.parametrize("to", TARGETS)
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.refused])
def test_an_export_is_written_in_every_format(name: str, to: str, tmp_path: Path) -> None:
    source = write(CASES[name], tmp_path / "set")
    before = read_dataset(source).photos
    after = read_dataset(DatasetSource(convert_dataset(source, tmp_path / "out", to))).photos
    assert len(after) == len(before)
    wanted = sorted((held(photo, to)[0].tolist(), held(photo, to)[2]) for photo in before)
    found = sorted((photo.boxes.tolist(), photo.classes) for photo in after)
    for (boxes, classes), (found_boxes, found_classes) in zip(wanted, found, strict=True):
        np.testing.assert_allclose(np.reshape(found_boxes, (-1, 4)), np.reshape(boxes, (-1, 4)), rtol=0, atol=0.01)
        assert found_classes == classes
