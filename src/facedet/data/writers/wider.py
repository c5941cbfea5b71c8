"""WIDER FACE's text file: wider_face_split/wider_face_train_bbx_gt.txt, images below WIDER_train/images/.

Ignored faces are `invalid`. The one class is face. Coordinates have decimals where the boxes have them.
"""

from collections.abc import Sequence
from pathlib import Path

from facedet.common.files import one_per_line, write_text
from facedet.data.writers.entry import Entry
from facedet.data.writers.table import TARGETS

_EVENT = TARGETS["wider"].images.rpartition("/")[2]
_NO_FACE = "0 0 0 0 0 0 0 0 0 0"


def write(folder: Path, entries: Sequence[Entry], classes: Sequence[str]) -> Path:
    """Write the text file; returns its path. classes: not written. Raises UserError if it cannot be written."""
    path = folder / "wider_face_split" / "wider_face_train_bbx_gt.txt"
    write_text(path, one_per_line([line for entry in entries for line in _image(entry)]))
    return path


def _image(entry: Entry) -> list[str]:
    faces = [
        f"{' '.join(f'{value:.10g}' for value in box)} 0 0 0 {int(ignored)} 0 0"
        for box, ignored in zip(entry.boxes_xywh, entry.photo.ignored, strict=True)
    ]
    return [f"{_EVENT}/{entry.name}", str(len(faces)), *(faces or [_NO_FACE])]
