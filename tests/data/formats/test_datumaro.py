"""Datumaro JSON."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from facedet.common.errors import UserError
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.losses import Lost


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"items": []}', '{"items": [], "categories": {"label": {}}}'])
def test_a_json_that_is_not_datumaro_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "set.json").write_text(text)
    with pytest.raises(UserError, match=r"set\.json: not a Datumaro JSON"):
        read_dataset(DatasetSource(tmp_path / "set.json", format="datumaro"))


def test_datumaro_errors_are_left_out_one_by_one_and_an_id_replaces_a_missing_path(made: Callable) -> None:
    file = made("datumaro") / "annotations" / "default.json"
    content = json.loads(file.read_text())
    first, second, third = content["items"]
    first["annotations"][0]["bbox"] = [1, 2, None, 4]
    second["annotations"][0]["label_id"] = 7
    del second["image"]
    third["annotations"] = 3
    file.write_text(json.dumps({**content, "items": [first, second, third, "no item"]}))
    dataset = read_dataset(DatasetSource(file, allow_losses=True))
    assert [(p.path.name, p.classes) for p in dataset.photos] == [("b.png", ("label 7",))]
    assert [loss.kind for loss in dataset.losses] == [Lost.IMAGE] * 3
    assert [loss.reason for loss in dataset.losses] == [
        "item 2: malformed (ValueError: no list of annotations: 3)",
        "item 3: malformed (TypeError: string indices must be integers, not 'str')",
        "its annotation cannot be read completely: not numbers: [1, 2, None, 4]",
    ]


@pytest.fixture
def items(made: Callable) -> tuple[Path, dict]:
    file = made("datumaro") / "annotations" / "default.json"
    return file, json.loads(file.read_text())


@pytest.mark.parametrize("kind", ["label", "caption"])
def test_a_datumaro_annotation_without_a_place_is_reported_and_its_image_stays(items: tuple, kind: str) -> None:
    file, content = items
    content["items"][0]["annotations"].append({"type": kind, "label_id": 0})
    file.write_text(json.dumps(content))
    dataset = read_dataset(DatasetSource(file))
    assert [len(p.boxes) for p in dataset.photos] == [2, 1, 0]
    assert [(loss.kind, loss.reason) for loss in dataset.losses] == [(Lost.ANNOTATION, f"a.jpg: a {kind}")]


def test_a_datumaro_image_that_is_there_twice_is_left_out_once(items: tuple) -> None:
    file, content = items
    content["items"][2] = content["items"][0]
    file.write_text(json.dumps(content))
    dataset = read_dataset(DatasetSource(file))
    assert [p.path.name for p in dataset.photos] == ["b.png"]
    assert [loss.reason for loss in dataset.losses] == ["its annotation cannot be read completely: it is there twice"]
