"""Datumaro JSON."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from facedet.common.errors import UserError
from facedet.data.dataset import DatasetSource, read_dataset


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
    first["annotations"][1]["label_id"] = 7
    del second["image"]
    third["annotations"] = 3
    file.write_text(json.dumps({**content, "items": [first, second, third, "no item"]}))
    dataset = read_dataset(DatasetSource(file))
    assert [(p.path.name, p.classes) for p in dataset.photos] == [("a.jpg", ("label 7",)), ("b.png", ("face",))]
    assert [("item 2" in line, "item 3" in line) for line in dataset.skipped[:2]] == [(True, False), (False, True)]
    assert "a.jpg: box [nan" in dataset.skipped[2]
