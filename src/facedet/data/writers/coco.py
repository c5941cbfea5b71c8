"""COCO JSON: annotations.json, images in images/. Ignored faces get `iscrowd`."""

import json
from collections.abc import Sequence
from pathlib import Path

from facedet.common.files import write_text
from facedet.data.writers.entry import Entry


def write(folder: Path, entries: Sequence[Entry], classes: Sequence[str]) -> Path:
    """Write annotations.json; returns its path. Raises UserError if it cannot be written."""
    images: list[dict] = []
    annotations: list[dict] = []
    categories = {name: number for number, name in enumerate(classes, start=1)}
    for number, entry in enumerate(entries, start=1):
        photo = entry.photo
        images.append({"id": number, "file_name": entry.name, "width": photo.width, "height": photo.height})
        for box, ignored, name in zip(entry.boxes_xywh, photo.ignored.tolist(), photo.classes, strict=True):
            ids = {"id": len(annotations) + 1, "image_id": number, "category_id": categories[name]}
            annotations.append({**ids, "bbox": box, "area": box[2] * box[3], "iscrowd": int(ignored)})
    named = [{"id": number, "name": name} for name, number in categories.items()]
    path = folder / "annotations.json"
    write_text(path, json.dumps({"images": images, "annotations": annotations, "categories": named}))
    return path
