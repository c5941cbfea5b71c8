"""COCO JSON."""

from pathlib import Path

import pytest
from helpers.formats import coco_content, save_coco

from facedet.common.errors import UserError
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.losses import Lost


@pytest.fixture
def coco(tmp_path: Path) -> dict:
    return coco_content(tmp_path)


def test_coco_boxes_become_corners_and_crowds_are_ignored(tmp_path: Path, coco: dict) -> None:
    first, second = read_dataset(save_coco(tmp_path, coco)).photos
    assert first.boxes.tolist() == [[10, 20, 40, 60], [50, 20, 80, 60]]
    assert first.ignored.tolist() == [False, True]
    assert (second.width, second.height, len(second.boxes)) == (100, 80, 0)


def test_coco_images_may_be_in_another_folder(tmp_path: Path, coco: dict) -> None:
    (tmp_path / "photos").mkdir()
    for name in ("a.png", "b.png"):
        (tmp_path / name).rename(tmp_path / "photos" / name)
    source = save_coco(tmp_path, coco)
    with pytest.raises(UserError, match="no usable image"):
        read_dataset(source)
    assert len(read_dataset(DatasetSource(source.path, images=tmp_path / "photos")).photos) == 2


@pytest.mark.parametrize(
    "content",
    ["no json", "[]", "{}", '{"images": [], "annotations": [{}]}', '{"images": [{"id": 1}], "annotations": []}',
     '{"images": [{"id": 1, "file_name": "a.png", "width": 1e999}], "annotations": []}',
     '{"images": [{"id": 1, "file_name": "a"}, {"id": 1, "file_name": "b"}], "annotations": []}',
     '{"images": 3, "annotations": []}'],
)  # fmt: skip
def test_a_json_that_is_not_coco_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "set.json").write_text(content)
    with pytest.raises(UserError, match=r"set\.json: (not a COCO JSON|no usable image)"):
        read_dataset(DatasetSource(tmp_path / "set.json"))


def test_annotations_without_an_image_are_reported_and_equal_files_are_merged(tmp_path: Path, coco: dict) -> None:
    coco["images"].append({"id": 5, "file_name": "a.png", "width": 100, "height": 80})
    coco["annotations"] += [
        {"id": 3, "image_id": 5, "category_id": 1, "bbox": [0, 0, 10, 10]},
        {"id": 4, "image_id": "none", "category_id": 1, "bbox": [0, 0, 10, 10]},
    ]
    dataset = read_dataset(save_coco(tmp_path, coco))
    assert [(p.path.name, len(p.boxes)) for p in dataset.photos] == [("a.png", 3), ("b.png", 0)]
    assert [(loss.kind, loss.file, loss.reason) for loss in dataset.losses] == [
        (Lost.BOX, tmp_path / "set.json", "annotation 4: no image 'none'"),
        (Lost.ANNOTATION, tmp_path / "set.json", "a.png is there under several ids; their faces are merged"),
    ]


@pytest.mark.parametrize("key", ["iscrowd", "ignore"])
def test_faces_with_a_mark_are_ignored(key: str, tmp_path: Path, coco: dict) -> None:
    for annotation in coco["annotations"]:
        annotation.pop("iscrowd", None)
    coco["annotations"][0][key] = 1
    first, _ = read_dataset(save_coco(tmp_path, coco)).photos
    assert first.ignored.tolist() == [True, False]
