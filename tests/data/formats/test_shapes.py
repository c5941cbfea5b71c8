"""Shapes other than boxes become the boxes around them; those that enclose none remove their image."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.formats import coco_content, find_file, replace_in, save_coco

from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.losses import Lost

MASK = {"size": [80, 100], "counts": [80 * 10 + 20, 5, 75, 5, 7095]}  # two columns of 5 pixels from (10, 20)
ROTATED = 'xtl="20" ytl="30" xbr="60" ybr="50"'


def cvat(shape: str, made: Callable) -> DatasetSource:
    """CVAT's XML with the shape as the only one of c.jpg, which is 100x80 for it."""
    folder = made("cvat")
    file = folder / "annotations.xml"
    (folder / "images" / "c.jpg").write_bytes((folder / "images" / "a.jpg").read_bytes())
    replace_in(file, 'width="50" height="40">', f'width="100" height="80">{shape}')
    return DatasetSource(folder)


@pytest.mark.parametrize(
    ("shape", "box"),
    [
        ('<polygon label="face" points="10.5,20;40,20.5;25,60"/>', [10.5, 20, 40, 60]),
        ('<polyline label="face" points="10,20;40,60"/>', [10, 20, 40, 60]),
        ('<ellipse label="face" cx="50" cy="40" rx="20" ry="10"/>', [30, 30, 70, 50]),
        ('<ellipse label="face" cx="50" cy="40" rx="20" ry="10" rotation="90"/>', [40, 20, 60, 60]),
        ('<ellipse label="face" cx="50" cy="40" rx="20" ry="20" rotation="33"/>', [30, 20, 70, 60]),
        ('<mask label="face" rle="0, 10" left="10" top="20" width="2" height="5"/>', [10, 20, 12, 25]),
        ('<skeleton label="face"><points label="1" outside="0" points="10,20"/><points label="2" points="40,60"/>'
         '<points label="3" outside="1" points="0,0"/></skeleton>', [10, 20, 40, 60]),
        (f'<box label="face" {ROTATED} rotation="0"/>', [20, 30, 60, 50]),
        (f'<box label="face" {ROTATED} rotation="90"/>', [30, 20, 50, 60]),
        (f'<box label="face" {ROTATED} rotation="180.0"/>', [20, 30, 60, 50]),
        (f'<box label="face" {ROTATED} rotation="45"/>', [40 - 30 / 2**0.5, 40 - 30 / 2**0.5, 40 + 30 / 2**0.5,
                                                      40 + 30 / 2**0.5]),
        (f'<box label="face" {ROTATED} rotation="330"/>', [40 - (20 * 3**0.5 + 10) / 2, 40 - (20 + 10 * 3**0.5) / 2,
                                                       40 + (20 * 3**0.5 + 10) / 2, 40 + (20 + 10 * 3**0.5) / 2]),
    ],
)  # fmt: skip
def test_a_cvat_shape_becomes_the_box_around_it(shape: str, box: list, made: Callable) -> None:
    dataset = read_dataset(cvat(shape, made))
    assert dataset.photos[2].boxes == pytest.approx(np.array([box]), abs=1e-4)
    assert dataset.photos[2].classes == ("face",)
    assert dataset.losses == []


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ('<points label="eyes" points="10,20;40,60"/>', "<points> 'eyes' is no box and encloses none"),
        ('<cuboid label="face"/>', "<cuboid> 'face' is no box and encloses none"),
        ('<polygon label="face"/>', "points is missing"),
        ('<polygon label="face" points="10,20"/>', "2 coordinates enclose no box"),
        ('<polygon label="face" points="10,20;40"/>', "3 coordinates enclose no box"),
        ('<polygon label="face" points="10,20;40,"/>', "not numbers: ['10', '20', '40', '']"),
        ('<polygon label="face" points="10,20;40,inf"/>', "not finite numbers: ['10', '20', '40', 'inf']"),
        ('<ellipse label="face" cx="50" cy="40" rx="20"/>', "ry is missing"),
        ('<mask label="face" left="10" top="20" width="wide" height="5"/>', "not numbers: ['10', '20', 'wide', '5']"),
        ('<skeleton label="face"/>', "0 coordinates enclose no box"),
        ('<skeleton label="face"><points outside="1" points="1,2"/></skeleton>', "0 coordinates enclose no box"),
        (f'<box label="face" {ROTATED} rotation="left"/>', "not numbers: ['left']"),
    ],
)
def test_an_image_with_a_cvat_shape_without_a_box_is_left_out(shape: str, reason: str, made: Callable) -> None:
    dataset = read_dataset(cvat(shape, made))
    assert [p.path.name for p in dataset.photos] == ["a.jpg", "b.png"]
    assert [(loss.kind, loss.file.name, loss.reason) for loss in dataset.losses] == [
        (Lost.IMAGE, "c.jpg", f"its annotation cannot be read completely: {reason}")
    ]


def datumaro(annotation: Any, made: Callable) -> DatasetSource:
    """Datumaro's JSON with the annotation as the only one of a.jpg."""
    folder = made("datumaro")
    file = find_file(folder, "default.json")
    content = json.loads(file.read_text())
    content["items"][0]["annotations"] = [annotation]
    file.write_text(json.dumps(content))
    return DatasetSource(folder)


@pytest.mark.parametrize(
    ("annotation", "box"),
    [
        ({"type": "polygon", "points": [10, 20, 40, 20, 25, 60]}, [10, 20, 40, 60]),
        ({"type": "polyline", "points": [10, 20, 40, 60]}, [10, 20, 40, 60]),
        ({"type": "ellipse", "points": [10, 20, 40, 60]}, [10, 20, 40, 60]),
        ({"type": "mask", "rle": MASK}, [10, 20, 12, 25]),
        ({"type": "skeleton", "elements": [{"type": "points", "points": [10, 20], "visibility": [2]},
                                           {"type": "points", "points": [40, 60], "visibility": [1]},
                                           {"type": "points", "points": [0, 0], "visibility": [0]}]}, [10, 20, 40, 60]),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)  # fmt: skip
def test_a_datumaro_shape_becomes_the_box_around_it(annotation: dict, box: list, made: Callable) -> None:
    dataset = read_dataset(datumaro({**annotation, "label_id": 0}, made))
    assert dataset.photos[0].boxes.tolist() == [box]
    assert dataset.photos[0].classes == ("face",)
    assert dataset.losses == []


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        ({"type": "points", "points": [1, 2, 3, 4]}, "an annotation of the type 'points' is no box and encloses none"),
        ({"type": "cuboid_3d"}, "an annotation of the type 'cuboid_3d' is no box and encloses none"),
        ({"type": "polygon"}, "points is missing"),
        ({"type": "polygon", "points": [1, 2, 3]}, "3 coordinates enclose no box"),
        ({"type": "ellipse", "points": [1, 2, 3, 4, 5]}, "5 numbers instead of 4: [1, 2, 3, 4, 5]"),
        ({"type": "mask"}, "rle is missing"),
        ({"type": "mask", "rle": {**MASK, "size": [80, 99]}}, "its mask does not have 99x80 pixels"),
        ({"type": "skeleton"}, "elements is missing"),
        ({"type": "skeleton", "elements": []}, "0 coordinates enclose no box"),
        ({"type": "skeleton", "elements": [{"points": [1, 2, 3]}]}, "3 numbers instead of 2: [1, 2, 3]"),
        ({"type": "bbox"}, "bbox is missing"),
        ({"bbox": [1, 2, 3, 4]}, "type is missing"),
        (["bbox"], "list indices must be integers or slices, not str"),
    ],
)
def test_an_image_with_a_datumaro_shape_without_a_box_is_left_out(annotation: Any, reason: str, made: Callable) -> None:
    dataset = read_dataset(datumaro(annotation, made))
    assert [p.path.name for p in dataset.photos] == ["b.png", "c.jpg"]
    assert [(loss.kind, loss.file.name, loss.reason) for loss in dataset.losses] == [
        (Lost.IMAGE, "a.jpg", f"its annotation cannot be read completely: {reason}")
    ]


@pytest.mark.parametrize("bbox", [None, []])
@pytest.mark.parametrize("segmentation", [[[10, 20, 12, 20, 12, 25]], MASK])
def test_a_coco_face_without_bbox_has_the_box_around_its_segmentation(
    tmp_path: Path, bbox: Any, segmentation: Any
) -> None:
    content = coco_content(tmp_path)
    content["annotations"][0].update(bbox=bbox, segmentation=segmentation)
    assert read_dataset(save_coco(tmp_path, content)).photos[0].boxes.tolist()[0] == [10, 20, 12, 25]


def test_the_bbox_of_a_coco_face_counts_more_than_its_segmentation(tmp_path: Path) -> None:
    content = coco_content(tmp_path)
    content["annotations"][0]["segmentation"] = "unreadable"
    assert read_dataset(save_coco(tmp_path, content)).photos[0].boxes.tolist()[0] == [10, 20, 40, 60]


def test_an_image_with_a_malformed_segmentation_and_no_bbox_is_left_out(tmp_path: Path) -> None:
    content = coco_content(tmp_path)
    content["annotations"][0].update(bbox=None, segmentation={**MASK, "counts": [8000]})
    dataset = read_dataset(save_coco(tmp_path, content))
    assert [p.path.name for p in dataset.photos] == ["b.png"]
    assert [loss.reason for loss in dataset.losses] == ["its annotation cannot be read completely: its mask is empty"]
