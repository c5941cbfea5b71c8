"""Validation during training: COCO AP in pixels of the original images."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from mmdet.registry import METRICS
from mmengine.evaluator import BaseMetric

from facedet.data.structures import Detections, Photo
from facedet.evaluation.metrics.coco import MOST_DETECTIONS, CocoMatch, match_image, precision_of
from facedet.evaluation.metrics.curve import Matched
from facedet.evaluation.metrics.heights import height_matches
from facedet.evaluation.metrics.operating import BEST_F1, chosen_point, score_curve
from facedet.weights.operating_point import DEFAULT_THRESHOLD, OperatingPoint


@dataclass(frozen=True)
class _Image:
    """What one image adds to the figures. matched: of all its detections, at IoU 0.5."""

    photo: Photo
    found: Detections
    match: CocoMatch
    matched: Matched
    faces: int


@METRICS.register_module()
class FaceAP(BaseMetric):
    """AP, AP50, AP75 and AP by face size over a validation pass. Each image counts once.

    Every process matches its images while they come, so that the first one has little to gather and to compute.
    After a pass, in the first process: found, each image with its detections, only those that count or can be shown;
    point, the threshold with the best F1, None if no face was detected.
    """

    def __init__(self, prefix: str | None = None):
        self.found: list[tuple[Photo, Detections]] = []
        self.point: OperatingPoint | None = None
        super().__init__("gpu", prefix)  # mmengine's word for gathering without a shared folder

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        for sample in data_samples:
            found = sample["pred_instances"]
            boxes, scores = (found[key].float().cpu().numpy() for key in ("bboxes", "scores"))
            photo, everything = sample["photo"], Detections(boxes, scores)
            (matched,), faces = height_matches([photo.boxes], [everything], 0, np.inf, [photo.ignored])
            kept = max(MOST_DETECTIONS, np.count_nonzero(scores > DEFAULT_THRESHOLD))
            detections = Detections(boxes[:kept].copy(), scores[:kept].copy())
            self.results.append(_Image(photo, detections, match_image(photo, detections), matched, int(faces.sum())))

    def compute_metrics(self, results: list["_Image"]) -> dict[str, float]:
        # an image also appears in place of an unreadable one before it
        images = {image.photo.path: image for image in results}.values()
        self.found = [(image.photo, image.found) for image in images]
        curve = score_curve([image.matched for image in images], sum(image.faces for image in images))
        self.point = chosen_point(curve, BEST_F1)
        figures = precision_of([image.match for image in images])
        return {name: value for name, value in figures.items() if value is not None}
