"""The pictures of a training run."""

from pathlib import Path

import numpy as np
import pytest
from helpers.boxes import boxes, detections, photo
from helpers.datasets import DatasetBuilder

from facedet.data.image import read_image
from facedet.data.structures import NO_DETECTIONS
from facedet.inference.draw import AMBER, GREEN
from facedet.train.record.pictures import _draw_view, agreement, best_and_worst
from facedet.train.samples.dataset import FaceDataset

FACE, OTHER = (100, 100, 40, 40), (300, 300, 40, 40)


def test_a_run_draws_its_first_views_and_its_best_and_worst_images(trained: Path) -> None:
    batches = read_image(trained / "batches.png")
    assert batches.shape == (4 * 326 + 6, 4 * 326 + 6, 3)
    near = np.abs(batches.astype(int) - GREEN).max(axis=2) <= 10  # the views are enlarged; other colours: 1200 or less
    assert near.sum() > 2500
    assert all(read_image(trained / name).std() > 10 for name in ("best.png", "worst.png"))


def test_a_view_shows_its_faces_and_its_ignored_faces(tmp_path: Path) -> None:
    builder = DatasetBuilder(tmp_path, seed=1)
    builder.add("both.png", (100, 80, 60, 72), (200, 40, 50, 60))
    builder.content["annotations"][1]["iscrowd"] = 1
    sample = FaceDataset(str(builder.save().path), input_size=400)[0]
    view = _draw_view(sample["inputs"], sample["data_samples"])
    drawn = [(view == colour).all(axis=2).nonzero() for colour in (GREEN, AMBER)]
    corners = [(columns.min(), rows.min(), columns.max(), rows.max()) for rows, columns in drawn]
    np.testing.assert_allclose(corners, [(100, 100, 160, 190), (200, 50, 250, 125)], atol=2)  # 320 rows become 400


@pytest.mark.parametrize(
    ("faces", "ignored", "found", "expected"),
    [
        ([FACE], [False], [(*FACE, 0.9)], 1),
        ([FACE], [False], [], 0),
        ([FACE, OTHER], [False, False], [(*FACE, 0.9)], 2 / 3),
        ([FACE], [False], [(*FACE, 0.9), (*OTHER, 0.8)], 2 / 3),
        ([FACE], [False], [(100, 100, 40, 30, 0.9)], 0.75),
        ([FACE, OTHER], [False, True], [(*FACE, 0.9), (*OTHER, 0.8)], 1),
        ([], [], [(*FACE, 0.9)], 0),
    ],
)
def test_agreement_is_an_f1_weighted_by_overlap(faces, ignored, found, expected) -> None:
    assert agreement(photo("a", boxes(*faces), *ignored), detections(*found)) == pytest.approx(expected)


def test_best_and_worst_images_differ_and_empty_ones_are_in_neither() -> None:
    right, missed = photo("right", boxes(FACE)), photo("missed", boxes(FACE))
    both_missed, empty = photo("both missed", boxes(FACE, OTHER)), photo("empty", np.zeros((0, 4)))
    weak = detections((*FACE, 0.2))
    found = [(empty, NO_DETECTIONS), (missed, weak), (both_missed, NO_DETECTIONS), (right, detections((*FACE, 0.9)))]
    best, worst = best_and_worst(found)
    assert [str(each.path) for each, _ in best] == ["right", "both missed"]
    assert [str(each.path) for each, _ in worst] == ["missed"]
    assert not len(worst[0][1].scores)
