"""YOLO: data.yaml, classes.txt and labels/, images in images/. The format cannot mark ignored faces.

Every image has a label file, also without faces: Datumaro finds images by them. classes.txt is Label Studio's.
"""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import yaml

from facedet.common.files import one_per_line, write_text
from facedet.data.writers.entry import TRAIN, VAL, Entry, write_texts


def write(folder: Path, entries: Sequence[Entry], classes: Sequence[str]) -> Path:
    """Write the label files and data.yaml; returns the path of that. Raises UserError if a file cannot be written.

    If some of the entries are for validation, data.yaml names the lists train.txt and val.txt.
    """
    numbers = {name: number for number, name in enumerate(classes)}
    labels = ((folder / "labels" / f"{PurePosixPath(entry.name).stem}.txt", entry) for entry in entries)
    write_texts((file, one_per_line(_rows(entry, numbers))) for file, entry in labels)
    write_text(folder / "classes.txt", one_per_line(classes))
    is_split = any(entry.part == VAL for entry in entries)
    parts = {TRAIN: f"{TRAIN}.txt", VAL: f"{VAL}.txt"} if is_split else {TRAIN: "images"}
    path = folder / "data.yaml"
    text = yaml.safe_dump({**parts, "nc": len(classes), "names": list(classes)}, allow_unicode=True, sort_keys=False)
    write_text(path, text)
    return path


def _rows(entry: Entry, numbers: dict[str, int]) -> list[str]:
    width, height = entry.photo.width, entry.photo.height
    rows = []
    for (x1, y1, x2, y2), name in zip(entry.boxes, entry.photo.classes, strict=True):
        box = (x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height
        rows.append(f"{numbers[name]} {' '.join(f'{value:.12f}' for value in box)}")
    return rows
