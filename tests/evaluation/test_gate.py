"""The accuracy that quantization must keep."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.boxes import boxes, detections, photo

from facedet.common.errors import UserError
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.evaluation.gate import AccuracyJudge, Figure, gated_figures, largest_drop
from facedet.inference.session import open_session


def test_ap_is_gated_and_ap_of_heights_with_enough_faces() -> None:
    small = boxes(*((40 * k, 0, 20, 20) for k in range(10)))
    large = boxes(*((150 * k, 100, 140, 140) for k in range(3)))
    photos = [photo("a.png", np.concatenate([small, large]))]
    all_found = detections(
        *((40 * k, 0, 20, 20, 0.9) for k in range(10)), *((150 * k, 100, 140, 140, 0.9) for k in range(3))
    )
    before = gated_figures(photos, [all_found])
    one = pytest.approx(1)
    assert before == {"AP": Figure(one), "AP50 16 to 32 px": Figure(one, 0.1)}  # three large faces are too few
    without_small = detections(*((150 * k, 100, 140, 140, 0.9) for k in range(3)))
    after = gated_figures(photos, [without_small])
    assert after["AP50 16 to 32 px"].value == 0
    assert largest_drop(before, after) == pytest.approx(0.9)  # one of ten faces may be lost
    assert largest_drop(before, before) == 0


def test_a_judge_compares_with_the_float_network(exported: dict[str, Path], drawn: Path) -> None:
    session = open_session(exported["fp32"])
    judge = AccuracyJudge(session, read_dataset(DatasetSource(drawn / "val.json")).photos)
    assert (judge.images, judge.left_out) == (8, [])

    def run(tensor: np.ndarray) -> dict[str, np.ndarray]:
        rows = session.run(tensor)
        return {"boxes": rows[:, :5], "labels": rows[:, 5]}

    def nothing(tensor: np.ndarray) -> dict[str, np.ndarray]:
        return {"boxes": np.zeros((750, 5), np.float32), "labels": np.zeros(750)}

    assert judge.drop(run, range(8)) == (pytest.approx(0, abs=1e-6), pytest.approx([0] * 8, abs=1e-6))
    drop, of_each = judge.drop(nothing, range(8))
    before = gated_figures(judge.photos, judge.detections)
    assert drop == pytest.approx(max(figure.value - figure.one_face for figure in before.values()))
    assert len(of_each) == 8


def test_images_without_a_face_cannot_judge(exported: dict[str, Path], drawn: Path) -> None:
    photos = [
        replace(each, boxes=each.boxes[:0], ignored=each.ignored[:0])
        for each in read_dataset(DatasetSource(drawn / "val.json")).photos
    ]
    with pytest.raises(UserError, match="--val: has no face to measure accuracy on"):
        AccuracyJudge(open_session(exported["fp32"]), photos)
