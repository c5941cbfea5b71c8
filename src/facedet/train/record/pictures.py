"""Pictures of a training run: the first views, and the validation images with the best and the worst detections."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.hooks import Hook

from facedet.common.boxes import overlaps
from facedet.data.image import read_image, write_png
from facedet.data.structures import Detections, Photo
from facedet.evaluation.metrics.faces import false_positives, match_to_faces
from facedet.export.interface import SHOW_ABOVE
from facedet.inference.draw import AMBER, BLUE, GREEN, draw_boxes, grid
from facedet.train.hooks import History
from facedet.train.machine.distributed import is_first
from facedet.train.record.metric import FaceAP

_VIEWS, _PHOTOS = 16, 12  # of a picture, at most

Found = tuple[Photo, Detections]


class Pictures(Hook):
    """Writes batches.png after the first iterations, and best.png and worst.png with each best.pth.

    Faces are green, ignored faces amber, detections blue with their score. Only the first process writes.
    """

    def __init__(self, history: History, folder: Path):
        self.history, self.folder = history, folder

    def before_train(self, runner: Any) -> None:
        self.views: list[np.ndarray] = []
        self.wanted = _VIEWS if is_first() and runner.iter == 0 else 0

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        if not self.wanted:
            return
        pairs = zip(data_batch["inputs"], data_batch["data_samples"], strict=True)
        self.views += [_draw_view(image, sample) for image, sample in pairs]
        if len(self.views) >= self.wanted or runner.iter + 1 == runner.max_iters:
            write_png(grid(self.views[: self.wanted]), self.folder / "batches.png")
            self.views, self.wanted = [], 0

    def after_val_epoch(self, runner: Any, metrics: dict | None = None) -> None:
        measured = [metric for metric in runner.val_loop.evaluator.metrics if isinstance(metric, FaceAP)]
        if is_first() and measured and self.history.is_best():
            best, worst = best_and_worst(measured[0].found)
            for name, pairs in (("best.png", best), ("worst.png", worst)):
                if pairs:
                    drawn = [_draw_photo(photo, found) for photo, found in pairs]
                    write_png(grid(drawn, columns=min(len(drawn), 4)), self.folder / name)


def best_and_worst(found: Sequence[Found]) -> tuple[list[Found], list[Found]]:
    """The images with the best and those with the worst agreement, the very best and the very worst first.

    Only detections with a score above 0.3 count. No image is in both; one without faces and detections is in none.
    """
    shown = [(photo, detections.above(SHOW_ABOVE)) for photo, detections in found]
    rated = [(agreement(*pair), _boxes(pair), pair) for pair in shown if _boxes(pair)]
    count = min(_PHOTOS, (len(rated) + 1) // 2)
    rated.sort(key=lambda each: (-each[0], -each[1]))  # of equals, the one with more boxes tells more
    best, others = rated[:count], sorted(rated[count:], key=lambda each: (each[0], -each[1]))
    return [pair for *_, pair in best], [pair for *_, pair in others[:count]]


def agreement(photo: Photo, found: Detections) -> float:
    """How well the detections of an image agree with its faces, 0..1: an F1 in which a face that is detected counts by
    its IoU (elsewhere called panoptic quality). Ignored faces and detections of them do not count."""
    face, first = match_to_faces(found.boxes, photo.boxes)
    right = np.flatnonzero(first)
    right = right[~photo.ignored[face[right]]]
    iou = overlaps(found.boxes, photo.boxes)[right, face[right]].sum()
    wrong = len(false_positives([photo], [found], limit=None))
    return float(2 * iou / max(int((~photo.ignored).sum()) + len(right) + wrong, 1))


def _boxes(pair: Found) -> int:
    return len(pair[0].boxes) + len(pair[1].scores)


def _draw_view(image: Any, sample: Any) -> np.ndarray:
    view = np.ascontiguousarray(image.cpu().numpy().transpose(1, 2, 0))
    faces, ignored = (boxes.bboxes.cpu().numpy() for boxes in (sample.gt_instances, sample.ignored_instances))
    return _outline(_outline(view, faces, GREEN), ignored, AMBER)


def _draw_photo(photo: Photo, found: Detections) -> np.ndarray:
    image = _outline(read_image(photo.path), photo.boxes[~photo.ignored], GREEN)
    return draw_boxes(_outline(image, photo.boxes[photo.ignored], AMBER), found, BLUE)


def _outline(image: np.ndarray, boxes: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return draw_boxes(image, Detections(boxes, np.full(len(boxes), np.nan)), colour)
