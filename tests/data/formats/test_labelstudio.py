"""Label Studio."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from facedet.data.dataset import DatasetSource, read_dataset

SIZE = {"original_width": 100, "original_height": 80}
SHAPE = {"x": 10, "y": 25, "width": 30, "height": 50, "rotation": 0, "rectanglelabels": ["face"], **SIZE}


@pytest.mark.parametrize("shapes", [None, "wide", {}, {"0": SHAPE}, [SHAPE, None], [SHAPE, "wide"], [[]], 1])
def test_a_json_min_task_whose_shapes_are_damaged_is_left_out(shapes: Any, tmp_path: Path) -> None:
    tasks: list[dict] = [{"image": f"{k}.png", "id": k, "annotation_id": k, "annotator": 1} for k in range(1, 4)]
    for task in tasks:
        Image.new("RGB", (100, 80)).save(tmp_path / task["image"])
    tasks[0]["label"], tasks[1]["label"] = [SHAPE], shapes
    (tmp_path / "project.json").write_text(json.dumps(tasks))
    dataset = read_dataset(DatasetSource(tmp_path))
    assert [(p.path.name, p.boxes.tolist()) for p in dataset.photos] == [("1.png", [[10, 20, 40, 60]]), ("3.png", [])]
    (loss,) = dataset.losses
    assert "task 2: " in str(loss) or loss.file.name == "2.png"


def test_a_task_whose_shapes_state_several_sizes_is_left_out(tmp_path: Path) -> None:
    Image.new("RGB", (100, 80)).save(tmp_path / "a.png")
    results = [{"type": "rectanglelabels", "value": SHAPE, **SIZE, "original_width": width} for width in (100, 200)]
    tasks = [{"id": 1, "data": {"image": "a.png"}, "annotations": [{"result": results[:n]}]} for n in (1, 2)]
    Image.new("RGB", (100, 80)).save(tmp_path / "b.png")
    tasks[1]["data"] = {"image": "b.png"}
    (tmp_path / "project.json").write_text(json.dumps(tasks))
    dataset = read_dataset(DatasetSource(tmp_path))
    assert [p.path.name for p in dataset.photos] == ["a.png"]
    assert [loss.reason for loss in dataset.losses] == ["task 1: states several sizes of the image"]
