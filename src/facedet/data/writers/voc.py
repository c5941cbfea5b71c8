"""Pascal VOC: Annotations/, ImageSets/Main/ and labelmap.txt, images in JPEGImages/. Ignored faces are `difficult`.

Corners count pixels from zero, as current tools write them. labelmap.txt is CVAT's and Datumaro's list of the classes.
"""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from xml.sax.saxutils import escape

from facedet.common.files import one_per_line, write_text
from facedet.data.writers.entry import TRAIN, VAL, Entry, write_texts


def write(folder: Path, entries: Sequence[Entry], classes: Sequence[str]) -> Path:
    """Write the annotations; returns the folder. Raises UserError if a file cannot be written."""
    write_texts((folder / "Annotations" / f"{_stem(entry)}.xml", _annotation(entry)) for entry in entries)
    for part in (TRAIN, VAL):
        stems = [_stem(entry) for entry in entries if entry.part == part]
        if stems:
            write_text(folder / "ImageSets" / "Main" / f"{part}.txt", one_per_line(stems))
    listed = [f"{name}:::" for name in classes if ":" not in name]  # the file cannot quote it
    write_text(folder / "labelmap.txt", one_per_line(["# label:color_rgb:parts:actions", *listed]))
    return folder


def _stem(entry: Entry) -> str:
    return PurePosixPath(entry.name).stem


def _annotation(entry: Entry) -> str:
    photo = entry.photo
    size = f"<width>{photo.width}</width><height>{photo.height}</height><depth>3</depth>"
    objects = [
        f"<object><name>{escape(name)}</name><truncated>0</truncated><difficult>{int(ignored)}</difficult>"
        f"<bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>"
        for (x1, y1, x2, y2), ignored, name in zip(entry.boxes, photo.ignored, photo.classes, strict=True)
    ]
    head = f"<folder>JPEGImages</folder><filename>{escape(entry.name)}</filename><size>{size}</size>"
    return one_per_line(["<annotation>", head, "<segmented>0</segmented>", *objects, "</annotation>"])
