"""Validation during training: COCO AP in pixels of the original images."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmdet.registry import METRICS
from mmengine.evaluator import BaseMetric

from facedet.data.structures import Detections, Photo
from facedet.evaluation.metrics.coco import MOST_DETECTIONS, CocoMatch, match_image, precision_of
from facedet.export.interface import SHOW_ABOVE


@METRICS.register_module()
class FaceAP(BaseMetric):
    """AP, AP50, AP75 and AP by face size over a validation pass. Each image counts once.

    Every process matches its images while they come, so that the first one has little to gather and to compute.
    found: each image with its detections after a pass, in the first process; only those that count or can be shown.
    """

    def __init__(self, prefix: str | None = None):
        self.found: list[tuple[Photo, Detections]] = []
        super().__init__("gpu", prefix)  # mmengine's word for gathering without a shared folder

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        for sample in data_samples:
            found = sample["pred_instances"]
            boxes, scores = (found[key].float().cpu().numpy() for key in ("bboxes", "scores"))
            kept = max(MOST_DETECTIONS, np.count_nonzero(scores > SHOW_ABOVE))
            detections = Detections(boxes[:kept].copy(), scores[:kept].copy())
            self.results.append((sample["photo"], detections, match_image(sample["photo"], detections)))

    def compute_metrics(self, results: list[tuple[Photo, Detections, CocoMatch]]) -> dict[str, float]:
        # an image also appears in place of an unreadable one before it
        images = {photo.path: (photo, found, match) for photo, found, match in results}.values()
        self.found = [(photo, found) for photo, found, _ in images]
        figures = precision_of([match for *_, match in images])
        return {name: value for name, value in figures.items() if value is not None}
