"""Parity for people and scripts: parity.json and one HTML page with the pictures inside it."""

from pathlib import Path

import cv2
import numpy as np

from facedet.core.common.files import write_json
from facedet.core.common.page import as_jpeg, write_page
from facedet.core.data.image import read_image, to_photo
from facedet.core.data.structures import Detections
from facedet.core.export.interface import SHOW_ABOVE
from facedet.core.inference.draw import BLUE, GREEN, RED, draw_boxes
from facedet.core.parity.check import Parity
from facedet.core.parity.matching import match
from facedet.core.parity.tolerances import FAINT_OFF

_SHOWN = 24  # pictures for each model
_SIDE = 400  # pixels


def write_report(parity: Parity, folder: Path) -> Path:
    """Write parity.json and parity.html into `folder`; returns the page's path. Raises UserError."""
    write_json(parity.as_dict(), folder / "parity.json")
    return write_page(
        Path(__file__).with_name("parity.html"),
        folder / "parity.html",
        parity=parity,
        faint_off=FAINT_OFF,
        show_above=SHOW_ABOVE,
        drifting=[pair for pair in parity.pairs if pair.default_drift],
        pictures=[(parity.names[k], _figures(parity, k)) for k in range(1, len(parity.names))],
        left_out=len(parity.images) - _SHOWN,
    )


def _figures(parity: Parity, model: int) -> list[dict]:
    # pictures in which the two differ most come first
    figures = []
    for path, first, second in zip(parity.images, parity.detections[0], parity.detections[model], strict=True):
        a, b = first.above(SHOW_ABOVE), second.above(SHOW_ABOVE)
        matched = match(a, b)
        groups = [(_rows(a, matched.pairs[:, 0]), GREEN), (_rows(a, matched.only_first), RED)]
        groups += [(_rows(b, matched.only_second), BLUE)]
        figures.append((path, groups))
    figures.sort(key=lambda figure: -sum(len(g.scores) for g, _ in figure[1][1:]))
    return [_figure(path, groups, parity.size) for path, groups in figures[:_SHOWN]]


def _figure(path: Path, groups: list, size: int) -> dict:
    image = read_image(path)
    scale = _SIDE / max(image.shape[:2])
    width, height = (max(round(edge * scale), 1) for edge in image.shape[1::-1])
    image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    for group, colour in groups:
        image = draw_boxes(image, Detections(to_photo(group.boxes, size, width, height), group.scores), colour)
    counts = dict(zip(("both", "first", "second"), (len(group.scores) for group, _ in groups), strict=True))
    return {"name": path.name, "jpeg": as_jpeg(image), **counts}


def _rows(found: Detections, rows: np.ndarray) -> Detections:
    return Detections(found.boxes[rows], found.scores[rows])
