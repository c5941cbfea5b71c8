"""Validation during training: COCO AP in pixels of the original images."""

from collections.abc import Sequence
from typing import Any

from mmdet.registry import METRICS
from mmengine.evaluator import BaseMetric

from facedet.data.structures import Detections, Photo
from facedet.evaluation.metrics.coco import average_precision


@METRICS.register_module()
class FaceAP(BaseMetric):
    """AP, AP50, AP75 and AP by face size over a validation pass. Each image counts once.

    found: each image with its detections, after a pass, in the first process.
    """

    def __init__(self, prefix: str | None = None):
        self.found: list[tuple[Photo, Detections]] = []
        super().__init__("gpu", prefix)  # mmengine's word for gathering without a shared folder

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        for sample in data_samples:
            found = sample["pred_instances"]
            arrays = (found[key].float().cpu().numpy() for key in ("bboxes", "scores"))
            self.results.append((sample["photo"], Detections(*arrays)))

    def compute_metrics(self, results: list[tuple[Photo, Detections]]) -> dict[str, float]:
        # an image also appears in place of an unreadable one before it
        self.found = list({photo.path: (photo, found) for photo, found in results}.values())
        photos, found = zip(*self.found, strict=True)
        return {name: value for name, value in average_precision(photos, found).items() if value is not None}
