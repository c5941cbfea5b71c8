"""COCO AP on hand-made cases."""

from pathlib import Path

import numpy as np
import pytest

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
