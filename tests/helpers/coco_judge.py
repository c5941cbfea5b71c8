"""Drawn detections, and pycocotools as the judge of COCO's figures."""

import contextlib
import io
from pathlib import Path

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from facedet.data.structures import Detections, Photo


def by_pycocotools(photos: list[Photo], found: list[Detections]) -> list[float]:
    """AP, AP50, AP75 and AP by area; -1 where there is no face."""

    def xywh(corners: np.ndarray) -> list[list[float]]:
        return np.hstack([corners[:, :2], corners[:, 2:] - corners[:, :2]]).astype(np.float64).tolist()

    faces = [
        {"image_id": k, "category_id": 1, "bbox": box, "area": box[2] * box[3], "iscrowd": int(ignored)}
        for k, photo in enumerate(photos)
        for box, ignored in zip(xywh(photo.boxes.astype(np.float64)), photo.ignored, strict=True)
    ]
    rows = [[k, *box, s, 1] for k, d in enumerate(found) for box, s in zip(xywh(d.boxes), d.scores, strict=True)]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        images = [{"id": k} for k in range(len(photos))]
        numbered = [{"id": k, **face} for k, face in enumerate(faces, 1)]
        truth.dataset = {"images": images, "annotations": numbered, "categories": [{"id": 1}]}
        truth.createIndex()
        judge = COCOeval(truth, truth.loadRes(np.array(rows, np.float64)), "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return judge.stats[:6].tolist()


def draw_image(rng: np.random.Generator, whole: bool) -> tuple[Photo, Detections]:
    """An image with up to 9 faces, some ignored, some repeated, and up to 300 detections; `whole` gives many ties."""
    corner = rng.uniform(0, 300, (rng.integers(0, 10), 2))
    faces = np.hstack([corner, corner + rng.uniform(8, 150, corner.shape)]).astype(np.float32)
    faces = np.concatenate([faces, faces[:2]])
    near = np.repeat(faces, rng.integers(0, 30, len(faces)), axis=0)
    near += rng.normal(0, 5, near.shape).astype(np.float32)
    corner = rng.uniform(0, 300, (rng.integers(0, 20), 2))
    far = np.hstack([corner, corner + rng.uniform(8, 150, corner.shape)]).astype(np.float32)
    boxes = np.concatenate([near, far])
    scores = rng.uniform(0, 1, len(boxes)).astype(np.float32)
    if whole:
        faces, boxes, scores = np.rint(faces / 8) * 8, np.rint(boxes / 8) * 8, np.round(scores, 1)
    order = np.argsort(-scores, kind="stable")
    return Photo(Path("a"), 500, 500, faces, rng.random(len(faces)) < 0.2), Detections(boxes[order], scores[order])
