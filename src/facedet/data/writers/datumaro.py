"""Datumaro JSON: annotations/default.json, images in images/default/. Ignored faces get `is_crowd`."""

import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from facedet.common.files import write_text
from facedet.data.writers.entry import Entry


def write(folder: Path, entries: Sequence[Entry], classes: Sequence[str]) -> Path:
    """Write annotations/default.json; returns its path. Raises UserError if it cannot be written."""
    labels = [{"name": name, "parent": "", "attributes": []} for name in classes]
    items = [_item(entry, {name: number for number, name in enumerate(classes)}) for entry in entries]
    path = folder / "annotations" / "default.json"
    write_text(path, json.dumps({"info": {}, "categories": {"label": {"labels": labels}}, "items": items}))
    return path


def _item(entry: Entry, numbers: dict[str, int]) -> dict:
    photo = entry.photo
    annotations = [
        {
            "id": k,
            "type": "bbox",
            "attributes": {"is_crowd": ignored},
            "group": 0,
            "label_id": numbers[name],
            "z_order": 0,
            "bbox": box,
        }
        for k, (box, ignored, name) in enumerate(
            zip(entry.boxes_xywh, photo.ignored.tolist(), photo.classes, strict=True)
        )
    ]
    image = {"path": entry.name, "size": [photo.height, photo.width]}
    return {"id": str(PurePosixPath(entry.name).with_suffix("")), "annotations": annotations, "image": image}
