"""What converters and forks of tools write differently: read as it is meant, or lost with its reason."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from facedet.common.errors import UserError
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.structures import AnnotatedDataset

BOX = [20, 10, 80, 60]


def images(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (200, 100)).save(folder / name)


def read(path: Path) -> AnnotatedDataset:
    return read_dataset(DatasetSource(path, classes=("all",), allow_losses=True))


def coco(folder: Path, **changes: Any) -> AnnotatedDataset:
    """A COCO JSON of a.jpg with a box of the face, and of b.jpg without any, with changes in the box's annotation."""
    images(folder, "a.jpg", "b.jpg")
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [20, 10, 60, 50]} | changes.pop("annotation", {})
    listed = [{"id": k, "file_name": f"{n}.jpg", "width": 200, "height": 100} for k, n in ((1, "a"), (2, "b"))]
    content = {"images": listed, "annotations": [annotation], "categories": [{"id": 1, "name": "face"}]} | changes
    (folder / "set.json").write_text(json.dumps(content))
    return read(folder / "set.json")


SEGMENT = [[20, 10, 80, 10, 80, 60]]


@pytest.mark.parametrize(
    "changes",
    [
        {"annotation": {"image_id": "1"}},
        {"annotation": {"category_id": "1"}},
        {"categories": [{"id": "1", "name": "face"}, {"id": "2", "name": "person"}]},
        {"annotation": {"bbox": BOX, "bbox_mode": 0}},
        {"annotation": {"bbox_mode": 1}},
        {"annotation": {"bbox": [0, 0, 0, 0], "segmentation": SEGMENT}},
        {"annotation": {"bbox": None, "segmentation": SEGMENT}},
        {"images": [{"id": 1, "coco_url": "http://host/train/a.jpg?x=1"}, {"id": 2, "file_name": "b.jpg"}]},
    ],
)
def test_other_spellings_of_coco_mean_the_same(changes: dict, tmp_path: Path) -> None:
    dataset = coco(tmp_path, **changes)
    assert [photo.boxes.tolist() for photo in dataset.photos] == [[BOX], []]
    assert (dataset.photos[0].classes, dataset.losses) == (("face",), [])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"annotation": {"category_id": 9}}, "annotation 1 has the unknown category 9"),
        ({"annotation": {"bbox_mode": 4}}, "annotation 1 has the bbox_mode 4"),
        (
            {"annotation": {"bbox": None, "segmentation": {"size": [50, 100], "counts": [505, 25, 4470]}}},
            "annotation 1 has a mask of another size than the image",
        ),
    ],
)
def test_a_coco_annotation_of_unknown_meaning_removes_its_image(changes: dict, reason: str, tmp_path: Path) -> None:
    dataset = coco(tmp_path, **changes)
    assert [photo.path.name for photo in dataset.photos] == ["b.jpg"]
    assert reason in dataset.skipped[0]


def test_a_category_id_that_occurs_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a category id occurs twice"):
        coco(tmp_path, categories=[{"id": 1, "name": "face"}, {"id": 1, "name": "person"}])


def test_an_entry_that_is_no_annotation_is_one_loss(tmp_path: Path) -> None:
    good = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [20, 10, 60, 50]}
    dataset = coco(tmp_path, annotations=[good, None])
    assert [photo.boxes.tolist() for photo in dataset.photos] == [[BOX], []]
    assert dataset.skipped == [f"{tmp_path / 'set.json'}: entry 1 of the annotations is None"]


def task(**data: Any) -> dict[str, Any]:
    """A task of Label Studio with the box on each of the targets."""
    value = {"x": 10, "y": 10, "width": 30, "height": 50, "rotation": 0, "rectanglelabels": ["face"]}
    common = {"type": "rectanglelabels", "original_width": 200, "original_height": 100, "value": value}
    results = [{**common, "id": f"r{k}", "to_name": name} for k, name in enumerate(data.pop("targets", ["image"]))]
    return {"id": 7, "data": data, "annotations": [{"result": [*results, *data.pop("more", [])]}]}


def label_studio(folder: Path, **data: Any) -> AnnotatedDataset:
    images(folder, "images/a.jpg", "images/b.jpg", "images/c.jpg")
    (folder / "set.json").write_text(json.dumps([task(**data), task(image="c.jpg")]))
    return read(folder / "set.json")


@pytest.mark.parametrize(
    "data",
    [
        {"image": "https://host/bucket/a.jpg?X-Amz-Signature=0a&Expires=1"},
        {"image": "s3://bucket/a.jpg"},
        {"image": "a.jpg", "thumbnail": "b.jpg"},
        {"photo_url": "a.jpg", "source": "3.5"},
    ],
)
def test_a_task_of_label_studio_finds_its_image(data: dict, tmp_path: Path) -> None:
    dataset = label_studio(tmp_path, **data)
    assert [(photo.path.name, photo.boxes.tolist()) for photo in dataset.photos] == [("a.jpg", [BOX]), ("c.jpg", [BOX])]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (
            {"image1": "a.jpg", "image2": "b.jpg", "targets": ["img1", "img2"]},
            "task 7: has several images (a.jpg, b.jpg)",
        ),
        ({"left": "a.jpg", "right": "b.jpg", "targets": ["right"]}, "task 7: has several images (a.jpg, b.jpg)"),
        ({"image": "a.jpg", "other": "b.jpg", "targets": ["img1", "img2"]}, "task 7: has several images"),
        ({"image": "data:image/png;base64," + "A" * 20_000}, "task 7: has its image in the JSON, as a data URL"),
    ],
)
def test_a_task_whose_image_is_unknown_is_lost(data: dict, reason: str, tmp_path: Path) -> None:
    dataset = label_studio(tmp_path, **data)
    assert [photo.path.name for photo in dataset.photos] == ["c.jpg"]
    assert reason in dataset.skipped[0]
    assert len(dataset.skipped[0]) < 400


def test_landmarks_that_belong_to_a_box_are_no_faces_of_their_own(tmp_path: Path) -> None:
    point = {"type": "keypointlabels", "id": "p", "original_width": 200, "original_height": 100, "to_name": "image"}
    point["value"] = {"x": 20, "y": 20, "width": 0.5, "keypointlabels": ["eye"]}
    dataset = label_studio(tmp_path, image="a.jpg", more=[{**point, "parentID": "r0"}])
    assert [photo.boxes.tolist() for photo in dataset.photos] == [[BOX], [BOX]]
    dataset = label_studio(tmp_path, image="a.jpg", more=[point])
    assert [photo.path.name for photo in dataset.photos] == ["c.jpg"]

    shapes = [{"label": "face", "shape_type": "rectangle", "points": [[20, 10], [80, 60]], "group_id": 3}]
    for group, boxes in ((3, 1), (4, None), (None, None)):
        eye = {"label": "eye", "shape_type": "point", "points": [[30, 30]], "group_id": group}
        content = {"shapes": [*shapes, eye], "imagePath": "a.jpg", "imageWidth": 200, "imageHeight": 100}
        folder = tmp_path / str(group)
        images(folder, "a.jpg", "b.jpg")
        (folder / "a.json").write_text(json.dumps(content))
        (folder / "b.json").write_text(json.dumps({**content, "shapes": shapes, "imagePath": "b.jpg"}))
        found = {photo.path.name: len(photo.boxes) for photo in read(folder).photos}
        assert found == {"b.jpg": 1} | ({"a.jpg": boxes} if boxes else {})


def test_outlines_and_rotated_boxes_of_voc_become_boxes(tmp_path: Path) -> None:
    outline = "".join(f"<x{k}>{x}</x{k}><y{k}>{y}</y{k}>" for k, (x, y) in enumerate([(20, 10), (80, 30), (40, 60)], 1))
    points = "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in [(20, 10), (80, 30), (40, 60)])
    turned = "<robndbox><cx>50</cx><cy>35</cy><w>50</w><h>60</h><angle>1.5707963267948966</angle></robndbox>"
    for name, shape in (("a", f"<polygon>{outline}</polygon>"), ("b", f"<polygon>{points}</polygon>"), ("c", turned)):
        images(tmp_path, f"{name}.jpg")
        content = f"<annotation><filename>{name}.jpg</filename><object><name>face</name>{shape}</object></annotation>"
        (tmp_path / f"{name}.xml").write_text(content)
    dataset = read(tmp_path)
    np.testing.assert_allclose([photo.boxes[0] for photo in dataset.photos], [BOX] * 3, atol=1e-4)


@pytest.mark.parametrize(
    ("runs", "found", "reason"),
    [
        ("0, 8", [[20, 10, 24, 12]], None),
        ("8", [], "has no area"),
        ("1, x", None, "not numbers"),
        ("0, 9", None, "does not have 4x2 pixels"),
        ("-1, 9", None, "does not have 4x2 pixels"),
    ],
)
def test_the_runs_of_a_cvat_mask_are_checked(runs: str, found: list | None, reason: str | None, tmp_path: Path) -> None:
    images(tmp_path, "a.jpg", "b.jpg")
    mask = f'<mask label="face" rle="{runs}" left="20" top="10" width="4" height="2"/>'
    rows = f'<image id="0" name="a.jpg" width="200" height="100">{mask}</image><image id="1" name="b.jpg"/>'
    (tmp_path / "a.xml").write_text(f"<annotations>{rows}</annotations>")
    dataset = read(tmp_path / "a.xml")
    assert [photo.boxes.tolist() for photo in dataset.photos] == ([found] if found is not None else []) + [[]]
    assert [reason in str(loss) for loss in dataset.losses] == ([True] if reason else [])
