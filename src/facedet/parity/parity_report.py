"""Reports of a parity check: parity.json, and one HTML page with the images embedded."""

from pathlib import Path

import cv2
import numpy as np

from facedet.common.page import as_jpeg, write_report
from facedet.data.image import read_image, to_photo
from facedet.data.structures import Detections
from facedet.inference.draw import BLUE, GREEN, RED, draw_boxes
from facedet.parity.check import Parity
from facedet.parity.matching import match
from facedet.parity.tolerances import LOW_SCORE_UNMATCHED_SHARE

_SHOWN = 24  # images per model
_SIDE = 400  # pixels of an image's longer side


def write_parity(parity: Parity, folder: Path) -> Path:
    """Write parity.json and parity.html into `folder`. Returns the path of parity.html. Raises UserError."""
    return write_report(
        Path(__file__).with_name("parity.html"),
        folder,
        parity.as_dict(),
        about=parity.about,
        parity=parity,
        low_score_unmatched_share=LOW_SCORE_UNMATCHED_SHARE,
        show_above=parity.shown_above,
        drifting=[pair for pair in parity.pairs if pair.default_drift],
        models=[(parity.names[k], _figures(parity, k)) for k in range(1, len(parity.names))],
        not_shown=len(parity.images) - _SHOWN,
    )


def _figures(parity: Parity, model: int) -> list[dict]:
    """The images with boxes drawn, those with most unmatched boxes first."""
    figures = []
    for path, first, second in zip(parity.images, parity.detections[0], parity.detections[model], strict=True):
        a, b = first.above(parity.shown_above), second.above(parity.shown_above)
        matched = match(a, b)
        both, only_first = _select(a, matched.pairs[:, 0]), _select(a, matched.only_first)
        figures.append((path, both, only_first, _select(b, matched.only_second)))
    figures.sort(key=lambda figure: -len(figure[2].scores) - len(figure[3].scores))
    return [_figure(*figure, parity.size) for figure in figures[:_SHOWN]]


def _figure(
    path: Path, both: Detections, only_first: Detections, only_second: Detections, size: tuple[int, int]
) -> dict:
    image = read_image(path)
    scale = _SIDE / max(image.shape[:2])
    width, height = (max(round(edge * scale), 1) for edge in image.shape[1::-1])
    image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    for group, colour in ((both, GREEN), (only_first, RED), (only_second, BLUE)):
        image = draw_boxes(image, Detections(to_photo(group.boxes, size, width, height), group.scores), colour)
    counts = {"both": len(both.scores), "only_first": len(only_first.scores), "only_second": len(only_second.scores)}
    return {"name": path.name, "jpeg": as_jpeg(image), **counts}


def _select(detections: Detections, rows: np.ndarray) -> Detections:
    return Detections(detections.boxes[rows], detections.scores[rows])
