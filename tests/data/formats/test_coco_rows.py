"""Usual annotations of a COCO JSON become rows while it is parsed; what is read is the same."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from facedet.data.formats import coco
from facedet.data.formats.coco_rows import boxes_of, image_of, pack, unpack
from facedet.data.losses import Loss

USUAL = {"id": 7, "image_id": -2, "category_id": 1, "iscrowd": 1, "bbox": [1, 2.5, 3, 4], "area": 12}
UNUSUAL = {
    "id": [None, "7", 1.0, 1 << 70],
    "image_id": ["1", True, 1.0, None],
    "category_id": [None, "1", [2], 99],
    "iscrowd": ["1", "perhaps", [], 0.0, float("nan"), None],
    "ignore": [1, "yes", None],
    "bbox": [None, [], [1, 2, 3], [1, 2, 3, "4"], [1, 2, 3, True], [1, 2, 3, float("nan")], [1, 2, 3, 10**400],
             "1234", {"x": 1}, [1.7e308, 1, 1.7e308, 1], [1, 2, float("inf"), 4]],
    "segmentation": [[[1, 2, 30, 2, 30, 40]], []],
    "file_name": ["a.png"],
    "attributes": [{"rotation": 30.0}, {"rotation": "30"}, {"rotation": 0}, {"rotation": "left"}, {"occluded": True}],
}  # fmt: skip


def test_a_usual_annotation_becomes_a_row_of_its_values() -> None:
    row = pack(USUAL)
    assert isinstance(row, bytes)
    assert len(row) <= 64
    assert unpack(row) == {"id": 7, "image_id": -2, "category_id": 1, "iscrowd": True, "bbox": [1, 2.5, 3, 4]}
    assert image_of(row) == -2
    boxes, ignored, categories = boxes_of([row, pack({**USUAL, "iscrowd": 0})])
    assert boxes.tolist() == [[1, 2.5, 4, 6.5]] * 2
    assert (ignored.tolist(), categories) == ([True, False], [1, 1])


@pytest.mark.parametrize(
    "entry", [{"id": 1, "file_name": "a.png"}, {"id": 1, "name": "face"}, {**USUAL, "bbox": "1234"}]
)
def test_other_entries_stay_as_they_are(entry: dict) -> None:
    assert pack(entry) is entry


def test_rows_are_read_as_the_annotations_they_stand_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "set.json"
    annotations = [
        {**USUAL, "image_id": 1},
        {**USUAL, "image_id": 3, "id": 2},
        {**USUAL, "image_id": 8, "category_id": 5},
    ]
    for number, (key, value) in enumerate((key, value) for key, values in UNUSUAL.items() for value in values):
        annotations.append({**USUAL, "image_id": 100 + number, key: value})
    images = [{"id": k, "file_name": f"{k}.png"} for k in [1, 2, *range(100, 200)]]
    annotations += [
        {**USUAL, "image_id": 100 + k, "id": 1000 + k, "ignore": flag} for k, flag in product(range(40), (0, 1))
    ]
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "face"}]}
    path.write_text(json.dumps(content))
    read, losses = _read(path)
    monkeypatch.setattr(coco, "pack", None)
    expected, expected_losses = _read(path)
    assert read == expected
    assert losses == expected_losses
    assert len(losses) >= 3
    assert sum(bool(unread) for *_, unread in expected) >= 8


def _read(path: Path) -> tuple[list[tuple], list[Loss]]:
    losses: list[Loss] = []
    with np.errstate(over="ignore"):
        photos = coco.read(path, None, losses)
    return [(p.path, p.boxes.tolist(), p.ignored.tolist(), p.classes, p.unread) for p in photos], losses
