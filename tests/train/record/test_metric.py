"""Validation during training."""

import numpy as np
import pytest
import torch
from helpers.boxes import boxes, photo

from facedet.train.record.metric import FaceAP


def test_the_point_of_a_validation_is_that_of_its_detections_and_counts_all_of_them() -> None:
    face = boxes((100, 100, 40, 40))
    metric = FaceAP()
    for name, score, others in (("a", 0.8, 0), ("b", 0.25, 200)):  # one of 201 detections; a picture needs only 100
        far = boxes(*((300, 300, 4, 4 + k) for k in range(others)))
        found = torch.from_numpy(np.concatenate([far, face])).float()
        scores = torch.tensor([*np.linspace(0.3, 0.26, others), score], dtype=torch.float32)
        metric.process(None, [{"photo": photo(name, face), "pred_instances": {"bboxes": found, "scores": scores}}])
    metric.evaluate(2)
    assert metric.point is not None
    assert (metric.point.threshold, metric.point.recall, metric.point.precision) == (0.55, 0.5, 1)
    assert (metric.point.images, metric.point.faces, metric.point.chosen) == (2, 2, "best F1")
    metric = FaceAP()
    nothing = {"bboxes": torch.zeros(0, 4), "scores": torch.zeros(0)}
    metric.process(None, [{"photo": photo("a", face), "pred_instances": nothing}])
    metric.evaluate(1)
    assert metric.point is None


def test_an_image_that_replaces_an_unreadable_one_counts_once() -> None:
    face = boxes((100, 100, 40, 40))
    found, missed = photo("found", face), photo("missed", face)

    def measure(*photos) -> dict[str, float]:
        metric = FaceAP()
        for each in photos:
            scores = torch.tensor([0.9] if each is found else [])
            detected = torch.from_numpy(face if each is found else np.zeros((0, 4), np.float32))
            metric.process(None, [{"photo": each, "pred_instances": {"bboxes": detected, "scores": scores}}])
        return metric.evaluate(len(photos))

    assert measure(found, missed)["AP50"] == pytest.approx(0.505, abs=0.01)
    assert measure(found, missed, missed) == measure(found, missed)
