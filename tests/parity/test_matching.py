"""Detections of two models, matched one to one."""

import numpy as np

from facedet.data.structures import Detections
from facedet.parity.matching import match


def test_matching_is_one_to_one_whatever_the_order() -> None:
    boxes = np.array([[0, 0, 10, 10], [2, 0, 12, 10], [50, 50, 60, 60], [80, 0, 90, 10]], np.float32)
    scores = np.array([0.9, 0.8, 0.7, 0.6], np.float32)
    order = [2, 1, 0]
    result = match(Detections(boxes, scores), Detections(boxes[order], scores[order]))
    assert sorted(map(tuple, result.pairs.tolist())) == [(0, 2), (1, 1), (2, 0)]
    assert result.only_first.tolist() == [3]
    assert result.only_second.tolist() == []


def test_the_nearest_score_decides_between_equal_boxes() -> None:
    box = np.tile(np.array([[0, 0, 10, 10]], np.float32), (2, 1))
    result = match(Detections(box, np.array([0.9, 0.3])), Detections(box, np.array([0.31, 0.89])))
    assert sorted(map(tuple, result.pairs.tolist())) == [(0, 1), (1, 0)]


def test_a_box_without_area_is_matched() -> None:
    flat = Detections(np.array([[640, 3, 640, 9]], np.float32), np.array([0.5]))
    assert match(flat, flat).pairs.tolist() == [[0, 0]]


def test_the_overlap_counts_more_than_the_score() -> None:
    first = Detections(np.array([[0, 0, 10, 10], [2, 0, 12, 10]], np.float32), np.array([0.9, 0.3]))
    second = Detections(np.array([[0, 0, 10, 10], [2, 0, 12, 10]], np.float32), np.array([0.3, 0.9]))
    assert sorted(map(tuple, match(first, second).pairs.tolist())) == [(0, 0), (1, 1)]
