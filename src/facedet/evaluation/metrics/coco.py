"""COCO average precision, by pycocotools."""

import contextlib
import io
from collections.abc import Sequence

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from facedet.data.structures import Detections, Photo

_STATS = ("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large")


def average_precision(photos: Sequence[Photo], detections: Sequence[Detections]) -> dict[str, float | None]:
    """Compute AP at IoU 0.50:0.95, at 0.50, at 0.75 and by face area (small below 32x32, large from 96x96 pixels).

    All boxes are in pixels of the original images. Ignored faces become COCO crowds. COCO counts at most 100 detections
    per image. Values are in 0..1, or None if no face has that size.
    """
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints to the terminal
        truth = COCO()
        truth.dataset = _ground_truth(photos)
        truth.createIndex()
        rows = _result_rows(detections)
        evaluator = COCOeval(truth, truth.loadRes(rows) if len(rows) else _no_results(truth), "bbox")
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return {name: float(v) if v >= 0 else None for name, v in zip(_STATS, evaluator.stats[:6], strict=True)}


def _no_results(truth: COCO) -> COCO:
    empty = COCO()  # loadRes needs at least one detection
    empty.dataset = {**truth.dataset, "annotations": []}
    empty.createIndex()
    return empty


def _ground_truth(photos: Sequence[Photo]) -> dict:
    images = [{"id": i, "width": p.width, "height": p.height} for i, p in enumerate(photos)]
    faces: list[dict] = []
    for i, photo in enumerate(photos):
        for (x1, y1, x2, y2), ignored in zip(photo.boxes.tolist(), photo.ignored.tolist(), strict=True):
            w, h = x2 - x1, y2 - y1
            face = {"image_id": i, "bbox": [x1, y1, w, h], "area": w * h, "iscrowd": int(ignored)}
            faces.append({"id": len(faces) + 1, "category_id": 1, **face})
    return {"images": images, "annotations": faces, "categories": [{"id": 1, "name": "face"}]}


def _result_rows(detections: Sequence[Detections]) -> np.ndarray:
    # the columns that loadRes expects: image, x, y, w, h, score, category
    rows = [
        np.column_stack([np.full(len(d.scores), i), d.boxes[:, :2], d.boxes[:, 2:] - d.boxes[:, :2], d.scores])
        for i, d in enumerate(detections)
    ]
    flat = np.concatenate(rows).astype(np.float64) if rows else np.zeros((0, 6))
    return np.column_stack([flat, np.ones(len(flat))])
