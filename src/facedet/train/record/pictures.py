"""Pictures of a training run: the first views, and the validation images with the best and the worst detections."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from facedet.common.boxes import overlaps
from facedet.data.image import read_image, write_png
from facedet.data.structures import Detections, Photo
from facedet.evaluation.metrics.faces import false_positives, match_to_faces
from facedet.inference.draw import AMBER, BLUE, GREEN, draw_boxes, fit, grid
from facedet.train.machine.distributed import is_first
from facedet.train.record.metric import FaceAP
from facedet.train.run import Run
from facedet.weights.operating_point import DEFAULT_THRESHOLD

_VIEWS, _PHOTOS = 16, 12  # of a picture, at most

Found = tuple[Photo, Detections]


class Pictures:
    """Writes batches.png after the first iterations, and best.png and worst.png after a validation.

    Faces are green, ignored faces amber, detections blue with their score. Only the first process writes.
    """

    def __init__(self, run: Run, folder: Path):
        self.run, self.folder = run, folder
        self._drawn: list[np.ndarray] = []
        self._wanted = _VIEWS if is_first() and run.state.iteration == 0 else 0

    def views(self, batch: dict[str, Any]) -> None:
        """Draw the views of a batch, until there are enough."""
        if not self._wanted:
            return
        pairs = zip(batch["inputs"], batch["data_samples"], strict=True)
        self._drawn += [_draw_view(image, sample) for image, sample in pairs]
        if len(self._drawn) >= self._wanted or self.run.state.iteration == self.run.iterations:
            write_png(grid(self._drawn[: self._wanted]), self.folder / "batches.png")
            self._drawn, self._wanted = [], 0

    def best_and_worst(self) -> None:
        """Draw the images of the last validation."""
        measured = [metric for metric in self.run.evaluator.metrics if isinstance(metric, FaceAP)]
        if is_first() and measured:
            best, worst = best_and_worst(measured[0].found)
            for name, pairs in (("best.png", best), ("worst.png", worst)):
                if pairs:
                    drawn = [fit(_draw_photo(photo, found)) for photo, found in pairs]  # a photograph may take 300 MB
                    write_png(grid(drawn, columns=min(len(drawn), 4)), self.folder / name)


def best_and_worst(found: Sequence[Found]) -> tuple[list[Found], list[Found]]:
    """The images with the best agreement, best first, and those with the worst agreement, worst first.

    Only detections with a score above 0.3 count. No image is in both; one without faces and detections is in none.
    """
    shown = [(photo, detections.above(DEFAULT_THRESHOLD)) for photo, detections in found]
    rated = [(agreement(*pair), _boxes(pair), pair) for pair in shown if _boxes(pair)]
    count = min(_PHOTOS, (len(rated) + 1) // 2)
    rated.sort(key=lambda each: (-each[0], -each[1]))  # on a tie, the image with more boxes shows more
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
