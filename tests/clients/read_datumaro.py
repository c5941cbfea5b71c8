"""Read a dataset with Datumaro: FOLDER FORMAT -> a JSON list of [image file, [[class, x1, y1, x2, y2, ignored]]]."""

import json
import sys
from pathlib import Path

from datumaro.components.annotation import AnnotationType
from datumaro.components.dataset import Dataset

FORMATS = {"wider": "wider_face"}
# the column of `invalid` in WIDER FACE's files is the one that Datumaro calls `occluded`
IGNORED = {"coco": "is_crowd", "datumaro": "is_crowd", "voc": "difficult", "wider": "occluded"}


def read(folder: Path, format: str) -> list:
    if format == "coco":  # Datumaro wants the JSON where the COCO dataset has it
        (folder / "annotations").mkdir()
        (folder / "annotations.json").rename(folder / "annotations" / "instances_train.json")
    dataset = Dataset.import_from(str(folder), FORMATS.get(format, format))
    names = [label.name for label in dataset.categories()[AnnotationType.label]]
    found = []
    for item in dataset:
        boxes = sorted((one for one in item.annotations if one.type == AnnotationType.bbox), key=lambda one: one.id)
        flags = [str(one.attributes.get(IGNORED.get(format, ""), False)) in ("1", "True") for one in boxes]
        rows = [[names[one.label], *one.points, flag] for one, flag in zip(boxes, flags, strict=True)]
        found.append([item.media.path, rows])
    return found


print(json.dumps(read(Path(sys.argv[1]), sys.argv[2])))
