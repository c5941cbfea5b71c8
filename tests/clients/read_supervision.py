"""Read a dataset with supervision: FOLDER FORMAT -> a JSON list of [image file, [[class, x1, y1, x2, y2, ignored]]]."""

import json
import sys
from pathlib import Path

from supervision import DetectionDataset


def load(folder: Path, format: str) -> DetectionDataset:
    if format == "coco":
        return DetectionDataset.from_coco(str(folder / "images"), str(folder / "annotations.json"))
    if format == "yolo":
        return DetectionDataset.from_yolo(*(str(folder / name) for name in ("images", "labels", "data.yaml")))
    return DetectionDataset.from_pascal_voc(str(folder / "JPEGImages"), str(folder / "Annotations"))


def read(folder: Path, format: str) -> list:
    dataset = load(folder, format)
    shift = [1, 1, 0, 0] if format == "voc" else 0  # its VOC reader takes one from the left and the upper side
    found = []
    for path, faces in dataset.annotations.items():
        boxes = (faces.xyxy + shift).tolist()
        flags = faces.data.get("iscrowd", [0] * len(boxes))
        names = [dataset.classes[number] for number in faces.class_id]
        found.append([path, [[name, *box, bool(flag)] for name, box, flag in zip(names, boxes, flags, strict=True)]])
    return found


print(json.dumps(read(Path(sys.argv[1]), sys.argv[2])))
