"""COCO AP: hand-made cases, and drawn ones with pycocotools as the judge."""

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from facedet.data.structures import Detections, Photo
from facedet.evaluation.metrics.coco import average_precision


def test_detections_of_ignored_faces_are_not_counted() -> None:
    boxes = np.array([[10, 10, 60, 60], [100, 100, 180, 180]], np.float32)
    photo = Photo(Path("a"), 200, 200, boxes, np.array([False, True]))
    both = Detections(boxes, np.array([0.9, 0.8], np.float32))
    assert average_precision([photo], [both])["AP"] == pytest.approx(1)
    false = Detections(np.array([[120, 10, 160, 60], *boxes], np.float32), np.array([0.95, 0.9, 0.8], np.float32))
    assert average_precision([photo], [false])["AP"] == pytest.approx(0.5)
    assert average_precision([photo], [Detections(np.zeros((0, 4)), np.zeros(0))])["AP50"] == 0


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


def draw(rng: np.random.Generator, whole: bool) -> tuple[Photo, Detections]:
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


@pytest.mark.parametrize("whole", [False, True])
def test_every_figure_is_that_of_pycocotools_to_the_last_digit(whole: bool) -> None:
    rng = np.random.default_rng(0)
    photos, found = map(list, zip(*(draw(rng, whole) for _ in range(40)), strict=True))
    assert max(len(each.scores) for each in found) > 100
    assert list(average_precision(photos, found).values()) == by_pycocotools(photos, found)  # type: ignore[arg-type]
    small = [photo.only(np.zeros(len(photo.boxes), bool)) for photo in photos]
    assert set(average_precision(small, found).values()) == {None}  # type: ignore[arg-type]
