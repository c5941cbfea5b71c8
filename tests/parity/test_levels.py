"""Differences before NMS, accumulated level by level."""

import numpy as np
import pytest

from facedet.parity.levels import LevelComparison


def test_differences_accumulate_over_images() -> None:
    levels = LevelComparison([4, 8], (8, 8))  # 4 anchors and 1
    boxes, scores = np.zeros((5, 4), np.float32), np.zeros(5, np.float32)
    levels.add([boxes, scores], [boxes + np.float32([0, 0, 0, 1]), scores])
    levels.add([boxes, scores], [boxes, scores + np.float32([0, 0, 0, 0, 0.5])])
    fine, coarse = levels.differences()
    assert (fine.anchors, fine.max_px, fine.mean_px, fine.max_score) == (4, 1, 0.125, 0)
    assert (coarse.anchors, coarse.max_px, coarse.max_score, coarse.mean_score) == (1, 1, 0.5, 0.25)
    with pytest.raises(ValueError, match="have 5 and 4 anchors, the config 5"):
        levels.add([boxes, scores], [boxes[:4], scores[:4]])
