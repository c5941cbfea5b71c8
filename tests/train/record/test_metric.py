"""Validation during training."""

import numpy as np
import pytest
import torch
from helpers.boxes import boxes, photo

from facedet.train.record.metric import FaceAP


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
