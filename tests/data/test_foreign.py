"""Each tool's export is read as it is: names, sizes and boxes, or the refusal."""

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from helpers.odd import held
from PIL import Image

from facedet.common.errors import UserError
from facedet.data.convert import convert_dataset
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.writers.table import TARGETS

FOREIGN = Path(__file__).parent / "foreign"
BOX = [10, 20, 40, 60]
FIRST, SECOND = [10, 20, 40, 60], [65, 30, 75, 50]
POLYGON = [10, 10, 30, 40]


@dataclass(frozen=True)
class Case:
    """An export. files: where each of `foreign/` lies. expected: the boxes of each image.

    lost: parts of the reasons.
    """

    files: dict[str, str]
    images: tuple[str, ...]
    expected: dict[str, list[list[float]]] = field(default_factory=dict)
    ignored: tuple[tuple[str, int], ...] = ()
    lost: tuple[str, ...] = ()
    refused: str = ""
    path: str = ""


VOC = Case({"a.xml": "voc_labelimg.xml"}, ("a.jpg",), {"a.jpg": [BOX]})
COCO = Case({"annotations/instances_train.json": "coco_instances.json"}, (), {}, path="annotations")
YOLO = Case({"labels/a.txt": "yolo_boxes.txt"}, ("images/a.jpg", "images/b.jpg"), {"images/b.jpg": []})


def yolo(name: str, *boxes: list[float]) -> Case:
    return replace(YOLO, files={"labels/a.txt": name}, expected={"images/a.jpg": [*boxes], "images/b.jpg": []})


CASES = {
    "CVAT": Case(
        {"annotations.xml": "cvat_images.xml"},
        ("images/a.jpg", "images/b.jpg", "images/c.jpg"),
        {
            "images/a.jpg": [
                [10, 20, 40.5, 60],
                [17.679, 21.340, 62.321, 58.660],
                POLYGON,
                [40, 20, 60, 60],
                [5, 6, 12, 14],
                [12, 10, 30, 50],
            ],
            "images/c.jpg": [],
        },
        lost=("a.jpg: a tag", "<points> 'face' is no box"),
    ),
    "CVAT project": Case(
        {"annotations.xml": "cvat_project.xml"},
        ("images/Train/a.jpg", "images/Validation/a.jpg"),
        {"images/Train/a.jpg": [[1, 2, 30, 40]], "images/Validation/a.jpg": [[5, 6, 70, 80]]},
    ),
    "CVAT project without its folders": Case(
        {"annotations.xml": "cvat_project.xml"}, ("a.jpg",), refused="several annotations, under different names"
    ),
    "CVAT video task": Case(
        {"annotations.xml": "cvat_video.xml"},
        ("images/frame_000000.PNG",),
        {"images/frame_000000.PNG": [[1, 2, 30, 40]]},
    ),
    "CVAT for video": Case({"annotations.xml": "cvat_tracks.xml"}, (), refused="it is CVAT for video"),
    "COCO of CVAT": replace(
        COCO,
        images=("images/train/a.jpg", "images/val/a.jpg"),
        expected={"images/train/a.jpg": [[10.5, 20, 40.5, 60]]},
    ),
    "official COCO": replace(
        COCO, images=("train/a.jpg", "val/a.jpg"), expected={"train/a.jpg": [[10.5, 20, 40.5, 60]]}
    ),
    "COCO with two images of the name": replace(
        COCO, images=("train/a.jpg", "images/a.jpg"), refused="give the folder with --images"
    ),
    "COCO with flags as text": Case(
        {"set.json": "coco_flags.json"}, ("a.jpg",), {"a.jpg": [BOX, [50, 20, 80, 60]]}, ignored=(("a.jpg", 1),)
    ),
    "COCO of segmentations": Case(
        {"set.json": "coco_segments.json"},
        ("a.jpg",),
        {"a.jpg": [[10, 10, 50, 40], [10, 10, 12, 13]]},
        ignored=(("a.jpg", 1),),
    ),
    "COCO of Label Studio": Case(
        {"result.json": "coco_label_studio.json"},
        ("images/a.jpg", "images/b.jpg"),
        {"images/a.jpg": [BOX], "images/b.jpg": []},
    ),
    "Datumaro": Case(
        {"annotations/train.json": "datumaro_shapes.json"},
        ("images/train/a.jpg", "images/train/sub/b.jpg", "images/train/sub/c.png"),
        {
            "images/train/a.jpg": [BOX, POLYGON, [30, 30, 70, 50], [10, 10, 12, 13]],
            "images/train/sub/c.png": [],
        },
        ignored=(("images/train/a.jpg", 3),),
        lost=("a.jpg: a label", "'points' is no box"),
    ),
    "labelImg": VOC,
    "labelImg with .XML": replace(VOC, files={"a.XML": "voc_labelimg.xml"}),
    "VOC in subfolders": Case(
        {f"Annotations/{k}/a.xml": "voc_labelimg.xml" for k in (1, 2)},
        ("JPEGImages/1/a.jpg", "JPEGImages/2/a.jpg"),
        {"JPEGImages/1/a.jpg": [BOX], "JPEGImages/2/a.jpg": [BOX]},
    ),
    "VOC with images in a subfolder": Case(
        {"annotations/a.xml": "voc_labelimg.xml"}, ("images/1/a.jpg",), {"images/1/a.jpg": [BOX]}
    ),
    "VOC with two images of the name": Case(
        {"annotations/a.xml": "voc_labelimg.xml"}, ("images/1/a.jpg", "images/2/a.jpg"), refused="have its name"
    ),
    "RectLabel": Case(
        {"annotations/a.xml": "voc_rectlabel.xml"},
        ("images/a.jpg",),
        {"images/a.jpg": [[10.5, 20, 40, 60], [50, 20, 80, 60]]},
        ignored=(("images/a.jpg", 1),),
    ),
    "YOLO": yolo("yolo_boxes.txt", FIRST, SECOND),
    "YOLO next to the images": Case(
        {"a.txt": "yolo_boxes.txt"}, ("a.jpg", "b.jpg"), {"a.jpg": [FIRST, SECOND], "b.jpg": []}
    ),
    "YOLO pose with triples": yolo("yolo_triples.txt", FIRST),
    "YOLO segmentation": yolo("yolo_segments.txt", [10, 16, 40, 60]),
    "YOLO oriented boxes": yolo("yolo_obb.txt", [10, 16, 40, 64]),
    "YOLO predictions": replace(
        YOLO, files={"labels/a.txt": "yolo_predictions.txt"}, expected={"images/b.jpg": []}, lost=("a prediction",)
    ),
    "YOLO predictions of tracks": replace(
        YOLO, files={"labels/a.txt": "yolo_tracks.txt"}, expected={"images/b.jpg": []}, lost=("7 columns: not a box",)
    ),
    "YOLO pose with pairs": Case(
        {"data.yaml": "yolo_pose.yaml", "labels/train/a.txt": "yolo_pairs.txt", "labels/val/b.txt": "yolo_pairs.txt"},
        ("images/train/a.jpg", "images/val/b.jpg"),
        {"images/train/a.jpg": [FIRST], "images/val/b.jpg": [FIRST]},
    ),
    "YOLO list of another machine": Case(
        {"data.yaml": "yolo_list.yaml", "train.txt": "yolo_list.txt", "labels/train/a.txt": "yolo_boxes.txt"},
        ("images/train/a.jpg", "images/train/b.jpg"),
        {"images/train/a.jpg": [FIRST, SECOND], "images/train/b.jpg": []},
    ),
    "Label Studio": Case(
        {"project-1.json": "labelstudio.json"},
        ("a.jpg", "images/b.jpg", "images/c.jpg", "images/d.jpg", "e.jpg"),
        {
            "a.jpg": [BOX, [20, 20, 40, 40], [30, 30, 70, 50], [10, 8, 30, 40], [60, 20, 90, 60]],
            "images/b.jpg": [],
        },
        lost=("a.jpg: choices", "task 3: is not annotated", "task 4: has 2 annotations", "task 5: is not annotated"),
    ),
    "Label Studio JSON-MIN": Case(
        {"project-1.json": "labelstudio_min.json"},
        ("images/0a1b2c3d-a.jpg", "images/b.jpg", "images/c.jpg", "images/d.jpg"),
        {"images/0a1b2c3d-a.jpg": [BOX], "images/b.jpg": []},
        lost=("keypointlabels", "several annotations"),
    ),
    "LabelMe": Case(
        {"a.json": "labelme.json", "b.json": "labelme_point.json"},
        ("a.jpg", "b.jpg"),
        {"a.jpg": [BOX, POLYGON, [40, 30, 60, 50]]},
        lost=("a point 'face'",),
    ),
    "LabelMe with the images elsewhere": Case(
        {"annotations/other.json": "labelme.json"},
        ("images/a.jpg",),
        {"images/a.jpg": [BOX, POLYGON, [40, 30, 60, 50]]},
    ),
    "LabelMe in labels/": Case(
        {"labels/a.json": "labelme.json"}, ("images/a.jpg",), {"images/a.jpg": [BOX, POLYGON, [40, 30, 60, 50]]}
    ),
    "X-AnyLabeling": Case(
        {"a.json": "xanylabeling.json"},
        ("a.jpg",),
        {"a.jpg": [[10, 10, 50, 50], [60, 20, 80, 60]]},
        ignored=(("a.jpg", 1),),
    ),
    "VIA project": Case(
        {"via_project_1May2024.json": "via_project.json"},
        ("images/a.jpg", "images/b.jpg", "images/c.jpg"),
        {
            "images/a.jpg": [BOX, [39.5, 29.5, 60.5, 50.5], [40, 20, 60, 60], POLYGON],
            "images/c.jpg": [],
        },
        lost=("a point is no box",),
    ),
    "VIA export": Case({"via_region_data.json": "via_export.json"}, ("a.jpg",), {"a.jpg": [BOX]}),
    "WIDER": Case(
        {"wider_face_split/wider_face_train_bbx_gt.txt": "wider.txt"},
        tuple(f"WIDER_train/images/0--Parade/0_Parade_{k}.jpg" for k in "ab"),
        {
            "WIDER_train/images/0--Parade/0_Parade_a.jpg": [BOX, [50, 8, 75, 24]],
            "WIDER_train/images/0--Parade/0_Parade_b.jpg": [],
        },
        ignored=(("WIDER_train/images/0--Parade/0_Parade_a.jpg", 1),),
        path="wider_face_split",
    ),
}


def write(case: Case, folder: Path) -> DatasetSource:
    for target, name in case.files.items():
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(FOREIGN / name, folder / target)
    for name in case.images:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (100, 80)).save(folder / name)
    return DatasetSource(folder / case.path, allow_losses=not case.refused)


def _name(image: Path, folder: Path) -> str:
    return image.relative_to(folder).as_posix()


@pytest.mark.parametrize("name", CASES)
def test_an_export_is_read_as_its_tool_means_it(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    source = write(case, tmp_path)
    if case.refused:
        with pytest.raises(UserError, match=case.refused):
            read_dataset(source)
        return
    dataset = read_dataset(source)
    boxes = {_name(photo.path, tmp_path): photo.boxes for photo in dataset.photos}
    assert boxes.keys() == case.expected.keys()
    for image, expected in case.expected.items():
        np.testing.assert_allclose(boxes[image], np.reshape(expected, (-1, 4)), atol=0.01, err_msg=image)
    assert {(photo.width, photo.height) for photo in dataset.photos} == {(100, 80)}
    ignored = [(_name(p.path, tmp_path), int(k)) for p in dataset.photos for k in np.flatnonzero(p.ignored)]
    assert tuple(ignored) == case.ignored
    assert len(dataset.losses) == len(case.lost), dataset.skipped
    assert all(any(reason in str(loss) for loss in dataset.losses) for reason in case.lost), dataset.skipped


def test_every_foreign_file_is_read() -> None:
    assert {path.name for path in FOREIGN.iterdir()} == {
        name for case in CASES.values() for name in case.files.values()
    }


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
