"""Post-processing in NumPy selects what the exported graph selects."""

import numpy as np
import pytest
import torch

from facedet.detector.selection import select_rows
from facedet.export.postprocess import postprocess

RULE = dict(score_threshold=0.02, iou_threshold=0.6, max_boxes=50)


@pytest.mark.parametrize("count", [0, 1, 400])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_selects_like_the_graph(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    corner, side = rng.uniform(0, 200, (count, 2)), rng.uniform(10, 60, (count, 2))
    boxes = np.hstack([corner, corner + side]).astype(np.float32)
    scores = rng.uniform(0, 0.1, count).astype(np.float32)
    picked = select_rows(torch.from_numpy(boxes)[None], torch.from_numpy(scores)[None, None], 50, 0.6, 0.02)[
        :, 2
    ].numpy()
    np.testing.assert_array_equal(
        postprocess(boxes, scores, **RULE), np.column_stack([boxes[picked], scores[picked]]).reshape(-1, 5)
    )


def test_boxes_without_area_stay_and_suppress_nothing() -> None:
    boxes = np.array([[5, 5, 5, 5], [5, 5, 5, 5], [0, 0, 9, 9]], np.float32)
    assert len(postprocess(boxes, np.array([0.5, 0.4, 0.3], np.float32), **RULE)) == 3


def test_of_equal_scores_the_earlier_box_stays() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 11]], np.float32)
    rows = postprocess(boxes, np.array([0.5, 0.5], np.float32), **RULE)
    np.testing.assert_array_equal(rows[:, :4], boxes[:1])
