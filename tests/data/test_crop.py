"""Random crops: their overlap with the faces, and the numbers that they draw."""

import random

import numpy as np
import pytest

from facedet.common.boxes import overlaps
from facedet.data.crop import MinIoUCrop, draw_crop


@pytest.mark.parametrize("min_iou", [0.3, 0.9])
def test_crops_have_the_drawn_iou_with_every_face(min_iou: float) -> None:
    class Always(random.Random):
        def choice(self, _options: object) -> float:
            return min_iou

    crop = MinIoUCrop((min_iou,), smallest=0.1)
    faces = np.array([[0.01, 0.01, 0.99, 1], [0, 0, 1, 1]])
    areas = set()
    for seed in range(20):
        crop.set_random_state(np.random.default_rng(seed), Always(seed))
        coords = crop.get_params_dependent_on_data({"shape": (200, 300)}, {"bboxes": faces})["crop_coords"]
        overlap = overlaps(np.array([coords], float), faces * [300, 200, 300, 200])
        assert overlap.min() >= min_iou
        areas.add(coords)
    assert len(areas) > 10


def test_a_seed_draws_the_crops_that_it_always_drew() -> None:
    face, ious = np.array([[90, 60, 170, 150]], float), (0.1, 0.3, 0.5, 0.7, 0.9)
    crops = [draw_crop(random.Random(seed), face, (0, 0, 300, 200), ious, 0.1) for seed in range(5)]
    assert crops == [(6, 19, 140, 199), (7, 4, 191, 168), (21, 36, 250, 176), (102, 33, 289, 162), (90, 4, 201, 154)]
    moved = [draw_crop(random.Random(s), face - [50, 70] * 2, (-50, -70, 250, 130), ious, 0.1) for s in range(5)]
    assert moved == [(x1 - 50, y1 - 70, x2 - 50, y2 - 70) for x1, y1, x2, y2 in crops]
