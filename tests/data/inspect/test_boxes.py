"""Boxes annotated twice are those that comparing all pairs finds, without comparing all of them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from facedet.common.boxes import overlaps
from facedet.data.inspect import boxes as checked
from facedet.data.inspect.boxes import SAME_BOX_IOU, check_boxes
from facedet.data.inspect.pairs import close_pairs
from facedet.data.structures import Photo


def repeated(boxes: np.ndarray, ignored: np.ndarray) -> list[tuple[float, ...]]:
    findings, _ = check_boxes(Photo(Path("a.jpg"), 4000, 4000, boxes, ignored), "set", 640)
    return [box for finding in findings if finding.kind == "repeated" for box in finding.boxes]


def crowd(rng: np.random.Generator, count: int) -> np.ndarray:
    corners, sides = rng.uniform(0, 3800, (count, 2)), rng.uniform(30, 120, (count, 2))
    return np.hstack([corners, corners + sides]).astype(np.float32)


@pytest.mark.parametrize("seed", range(5))
def test_boxes_annotated_twice_are_those_of_all_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    boxes = crowd(rng, 120)
    moved = boxes.repeat(3, axis=0) + rng.normal(0, 0.8, (360, 4))
    boxes = rng.permutation(np.concatenate([boxes, boxes[:20], moved])).astype(np.float32)
    ignored = rng.random(500) < 0.1
    exact = boxes[~ignored].astype(float)
    expected = exact[np.tril(overlaps(exact, exact) >= SAME_BOX_IOU, -1).any(axis=1)]
    assert 20 < len(expected) < 400
    assert repeated(boxes, ignored) == [tuple(box) for box in expected.tolist()]


def test_few_boxes_of_a_crowd_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def counted(*arguments: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for pair in close_pairs(*arguments):
            compared.append(len(pair[0]))
            yield pair

    monkeypatch.setattr(checked, "close_pairs", counted)
    boxes = crowd(np.random.default_rng(1), 5000)
    boxes[2500:] = boxes[:2500]
    assert len(repeated(boxes, np.zeros(5000, bool))) == 2500
    assert sum(compared) <= 5 * 5000


@pytest.mark.parametrize("apart", [None, 1, 3])
def test_close_pairs_are_all_that_reach_each_other(apart: int | None) -> None:
    rng = np.random.default_rng(4)
    values, reach = np.sort(rng.uniform(0, 50, 60)), 2.0 + np.arange(60) / 30
    found = [
        pair for pairs in close_pairs(values, reach, apart) for pair in zip(*map(np.ndarray.tolist, pairs), strict=True)
    ]
    expected = {
        (a, b)
        for a in range(60)
        for b in range(a + 1, min(60, a + 1 + (apart or 60)))
        if values[b] <= values[a] + reach[a]
    }
    assert len(found) == len(expected) > 30
    assert set(found) == expected
