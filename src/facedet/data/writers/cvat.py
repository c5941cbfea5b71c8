"""CVAT for images 1.1: annotations.xml, images in images/. The format cannot mark ignored faces."""

from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from facedet.common.files import one_per_line, write_text
from facedet.data.writers.entry import Entry


def write(folder: Path, entries: Sequence[Entry], classes: Sequence[str]) -> Path:
    """Write annotations.xml; returns its path. Raises UserError if it cannot be written."""
    labels = "".join(f"<label><name>{escape(name)}</name><attributes/></label>" for name in classes)
    path = folder / "annotations.xml"
    text = one_per_line(
        [
            '<?xml version="1.0" encoding="utf-8"?>',
            "<annotations>",
            "<version>1.1</version>",
            f"<meta><task><size>{len(entries)}</size><mode>annotation</mode><labels>{labels}</labels></task></meta>",
            *(line for number, entry in enumerate(entries) for line in _image(number, entry)),
            "</annotations>",
        ]
    )
    write_text(path, text)
    return path


def _image(number: int, entry: Entry) -> list[str]:
    photo = entry.photo
    size = f'width="{photo.width}" height="{photo.height}"'
    boxes = [
        f'  <box label={quoteattr(name)} source="manual" occluded="0" xtl="{x1}" ytl="{y1}" xbr="{x2}" ybr="{y2}"'
        ' z_order="0"></box>'
        for (x1, y1, x2, y2), name in zip(entry.boxes, photo.classes, strict=True)
    ]
    return [f'<image id="{number}" name={quoteattr(entry.name)} {size}>', *boxes, "</image>"]
