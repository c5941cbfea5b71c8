"""Exports of tools: which files of tests/data/foreign lie where, and what they hold."""

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

from PIL import Image

from facedet.data.dataset import DatasetSource

FOREIGN = Path(__file__).parents[1] / "data" / "foreign"
BOX = [10, 20, 40, 60]
FIRST, SECOND = [10, 20, 40, 60], [65, 30, 75, 50]
POLYGON = [10, 10, 30, 40]
TURNED = [17.679, 21.340, 62.321, 58.660]  # [20, 30, 60, 50] by 330 degrees
SHAPES = [
    [10, 20, 40.5, 60],
    TURNED,
    POLYGON,
    [40, 20, 60, 60],
    [5, 6, 12, 14],
    [12, 10, 30, 50],
]


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
    classes: tuple[str, ...] = ()


VOC = Case({"a.xml": "voc_labelimg.xml"}, ("a.jpg",), {"a.jpg": [BOX]})
COCO = Case({"annotations/instances_train.json": "coco_instances.json"}, (), {}, path="annotations")
YOLO = Case({"labels/a.txt": "yolo_boxes.txt"}, ("images/a.jpg", "images/b.jpg"), {"images/b.jpg": []})


def yolo(name: str, *boxes: list[float]) -> Case:
    return replace(YOLO, files={"labels/a.txt": name}, expected={"images/a.jpg": [*boxes], "images/b.jpg": []})


CASES = {
    "CVAT": Case(
        {"annotations.xml": "cvat_images.xml"},
        ("images/a.jpg", "images/b.jpg", "images/c.jpg"),
        {"images/a.jpg": SHAPES, "images/c.jpg": []},
        lost=("a.jpg: a tag", "<points> 'face' is no box"),
    ),
    "CVAT project": Case(
        {"annotations.xml": "cvat_project.xml"},
        ("images/Train/a.jpg", "images/Validation/a.jpg"),
        {"images/Train/a.jpg": [[1, 2, 30, 40]], "images/Validation/a.jpg": [[5, 6, 70, 80]]},
    ),
    "CVAT project without its folders": Case(
        {"annotations.xml": "cvat_project.xml"}, ("a.jpg",), refused="several annotations, which differ, lead to it"
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
    "COCO of FiftyOne": Case({"labels.json": "coco_fiftyone.json"}, ("data/a.jpg",), {"data/a.jpg": [BOX]}),
    "COCO of Roboflow, from its root": Case(
        {f"{split}/_annotations.coco.json": "coco_instances.json" for split in ("train", "valid", "test")},
        ("train/a.jpg", "valid/a.jpg", "test/a.jpg"),
        {f"{split}/a.jpg": [[10.5, 20, 40.5, 60]] for split in ("train", "valid", "test")},
    ),
    "COCO with a file for each split": Case(
        {f"annotations/instances_{split}2017.json": "coco_instances.json" for split in ("train", "val")},
        ("train2017/a.jpg", "val2017/a.jpg"),
        {f"{split}2017/a.jpg": [[10.5, 20, 40.5, 60]] for split in ("train", "val")},
    ),
    "official COCO with all its files": Case(
        {
            f"annotations/{kind}_{split}2017.json": "coco_instances.json"
            for kind in ("instances", "captions", "person_keypoints")
            for split in ("train", "val")
        },
        ("train2017/a.jpg", "val2017/a.jpg"),
        {f"{split}2017/a.jpg": [[10.5, 20, 40.5, 60]] for split in ("train", "val")},
    ),
    "VOC of Roboflow, from its root": Case(
        {f"{split}/a.xml": "voc_labelimg.xml" for split in ("train", "valid")},
        ("train/a.jpg", "valid/a.jpg"),
        {f"{split}/a.jpg": [BOX] for split in ("train", "valid")},
    ),
    "a folder in a folder": Case(
        {"my export/annotations/instances_train.json": "coco_instances.json", "my export/README.txt": "yolo_list.txt"},
        ("my export/images/train/a.jpg",),
        {"my export/images/train/a.jpg": [[10.5, 20, 40.5, 60]]},
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
    "Datumaro of rotated shapes": Case(
        {"annotations/default.json": "datumaro_rotated.json"},
        ("images/default/a.jpg",),
        {
            "images/default/a.jpg": [
                [30, 20, 50, 60],
                TURNED,
                BOX,
                [40, 20, 60, 60],
                POLYGON,
                [30, 20, 50, 60],
                [10, 16, 40, 60],
                BOX,
            ]
        },
    ),
    "COCO of CVAT's rotated boxes": Case(
        {"annotations/instances_default.json": "coco_rotated.json"},
        ("images/default/a.jpg",),
        {"images/default/a.jpg": [TURNED, BOX, POLYGON]},
        path="annotations",
    ),
    "VOC of CVAT's rotated boxes": replace(VOC, files={"a.xml": "voc_rotated.xml"}, expected={"a.jpg": [TURNED]}),
    "labelImg": VOC,
    "VOC": Case(
        {"Annotations/a.xml": "voc_labelimg.xml", "ImageSets/Main/default.txt": "yolo_classes.txt"},
        ("JPEGImages/a.jpg",),
        {"JPEGImages/a.jpg": [BOX]},
        classes=("face",),
    ),
    "VOC of FiftyOne": Case({"labels/a.xml": "voc_labelimg.xml"}, ("data/a.jpg",), {"data/a.jpg": [BOX]}),
    "CVAT of FiftyOne": Case(
        {"labels.xml": "cvat_images.xml"},
        ("data/a.jpg", "data/b.jpg", "data/c.jpg"),
        {"data/a.jpg": SHAPES, "data/c.jpg": []},
        lost=("a.jpg: a tag", "<points> 'face' is no box"),
    ),
    "labelImg with .XML": replace(VOC, files={"a.XML": "voc_labelimg.xml"}),
    "VOC in subfolders": Case(
        {f"Annotations/{k}/a.xml": "voc_labelimg.xml" for k in (1, 2)},
        ("JPEGImages/1/a.jpg", "JPEGImages/2/a.jpg"),
        {"JPEGImages/1/a.jpg": [BOX], "JPEGImages/2/a.jpg": [BOX]},
    ),
    "VOC with images in a subfolder": Case(
        {"annotations/a.xml": "voc_labelimg.xml"}, ("images/1/a.jpg",), {"images/1/a.jpg": [BOX]}
    ),
    "VOC whose image has another folder's name only": Case(
        {"annotations/cam1/a.xml": "voc_labelimg.xml"},
        ("images/cam2/a.jpg",),
        refused="no usable image",
    ),
    "WIDER from its folder of splits": Case(
        {f"wider_face_split/wider_face_{split}_bbx_gt.txt": "wider.txt" for split in ("train", "val")},
        tuple(f"WIDER_{split}/images/0--Parade/0_Parade_{k}.jpg" for split in ("train", "val") for k in "ab"),
        {
            f"WIDER_{split}/images/0--Parade/0_Parade_{k}.jpg": boxes
            for split in ("train", "val")
            for k, boxes in (("a", [BOX, [50, 8, 75, 24]]), ("b", []))
        },
        ignored=tuple((f"WIDER_{split}/images/0--Parade/0_Parade_a.jpg", 1) for split in ("train", "val")),
        path="wider_face_split",
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
    "YOLO of labelImg": Case(
        {"a.txt": "yolo_boxes.txt", "classes.txt": "yolo_classes.txt"},
        ("a.jpg",),
        {"a.jpg": [FIRST, SECOND]},
        classes=("face",),
    ),
    "YOLO of Label Studio": Case(
        {"labels/a.txt": "yolo_boxes.txt", "classes.txt": "yolo_classes.txt", "notes.json": "labelstudio_notes.json"},
        ("images/a.jpg",),
        {"images/a.jpg": [FIRST, SECOND]},
        classes=("face",),
    ),
    "YOLO 1.1 of CVAT": Case(
        {
            "obj_train_data/a.txt": "yolo_boxes.txt",
            "obj.names": "yolo_classes.txt",
            "obj.data": "yolo_obj.data",
            "train.txt": "yolo_obj_train.txt",
        },
        ("obj_train_data/a.jpg", "obj_train_data/b.jpg"),
        {"obj_train_data/a.jpg": [FIRST, SECOND], "obj_train_data/b.jpg": []},
        classes=("face",),
    ),
    "YOLO of Roboflow, from its root": Case(
        {"data.yaml": "yolo_roboflow.yaml"}
        | {f"{split}/labels/a.txt": "yolo_boxes.txt" for split in ("train", "valid", "test")},
        ("train/images/a.jpg", "valid/images/a.jpg", "test/images/a.jpg"),
        {f"{split}/images/a.jpg": [FIRST, SECOND] for split in ("train", "valid", "test")},
        classes=("face",),
    ),
    "YOLO of FiftyOne": Case(
        {"dataset.yaml": "yolo_fiftyone.yaml", "labels/val/a.txt": "yolo_boxes.txt"},
        ("images/val/a.jpg",),
        {"images/val/a.jpg": [FIRST, SECOND]},
        classes=("face",),
    ),
    "YOLO predictions": replace(
        YOLO,
        files={"labels/a.txt": "yolo_predictions.txt"},
        expected={"images/b.jpg": []},
        lost=("6 columns: a box with one more number",),
    ),
    "YOLO predictions of tracks": replace(
        YOLO, files={"labels/a.txt": "yolo_tracks.txt"}, expected={"images/b.jpg": []}, lost=("7 columns: not a box",)
    ),
    "YOLO in pixels": replace(
        YOLO, files={"labels/a.txt": "yolo_pixels.txt"}, expected={"images/b.jpg": []}, lost=("look like pixels",)
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
    "Label Studio with turned images and a video": Case(
        {"project-1.json": "labelstudio_turned.json"},
        ("a.jpg", "b.jpg", "d.jpg"),
        {"b.jpg": [BOX]},
        lost=("turned by 90 degrees", "task 3: is video", "task 4: has predictions but no annotation"),
    ),
    "Label Studio's predictions": Case(
        {"tasks.json": "labelstudio_predictions.json"}, ("images/a.jpg",), refused="has predictions but no annotation"
    ),
    "Label Studio JSON-MIN": Case(
        {"project-1.json": "labelstudio_min.json"},
        ("images/0a1b2c3d-a.jpg", "images/b.jpg", "images/c.jpg", "images/d.jpg"),
        {"images/0a1b2c3d-a.jpg": [BOX], "images/b.jpg": [], "images/d.jpg": []},
        lost=("keypointlabels",),
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
