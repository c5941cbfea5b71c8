"""AP by face height and the card's metric, on hand-made cases."""

import numpy as np
import pytest
from helpers.boxes import boxes, detections

from facedet.evaluation.metrics.heights import ap64_curve, height_curve


def test_ignored_faces_are_not_counted() -> None:
    faces, found = boxes((0, 0, 80, 80), (200, 0, 90, 90)), detections((0, 0, 80, 80, 0.9), (200, 0, 90, 90, 0.95))
    assert ap64_curve([faces], [found], [np.array([False, True])]).area == pytest.approx(1.0)
    assert ap64_curve([faces[:1]], [found]).area == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("found", "area"),
    [
        ([(0, 0, 80, 80, 0.9)], 1.0),
        ([(0, 0, 80, 80, 0.9), (0, 0, 80, 80, 0.8)], 1.0),  # a false positive, but after all faces are found
        ([(0, 0, 79, 80, 0.9), (200, 0, 30, 30, 0.95), (205, 5, 20, 20, 0.95)], 1.0),  # small faces are ignored
        ([(400, 400, 50, 50, 0.95), (0, 0, 80, 80, 0.9)], 0.5),
        ([(0.4, 0.4, 79.8, 79.8, 0.9)], 1.0),
    ],
)
def test_the_cards_metric_on_one_image(found: list, area: float) -> None:
    faces = boxes((0, 0, 80, 80), (200, 0, 30, 30))
    assert ap64_curve([faces], [detections(*found)]).area == pytest.approx(area)


def test_a_face_of_a_limits_height_belongs_to_the_range_that_begins_there() -> None:
    faces, found = [boxes((0, 0, 30, 32))], [detections((0, 0, 30, 32, 0.9))]
    assert height_curve(faces, found, 32, 64).area == pytest.approx(1.0)
    assert not len(height_curve(faces, [detections()], 16, 32).recall)
    assert height_curve(faces, found, 16, 32).area == 0
