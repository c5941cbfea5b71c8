"""COCO AP: hand-made cases, and drawn ones with pycocotools as the judge."""

from pathlib import Path

import numpy as np
import pytest
from helpers.coco_judge import by_pycocotools, draw_image

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


@pytest.mark.parametrize("whole", [False, True])
def test_every_figure_is_that_of_pycocotools_to_the_last_digit(whole: bool) -> None:
    rng = np.random.default_rng(0)
    photos, found = map(list, zip(*(draw_image(rng, whole) for _ in range(40)), strict=True))
    assert max(len(each.scores) for each in found) > 100
    assert list(average_precision(photos, found).values()) == by_pycocotools(photos, found)  # type: ignore[arg-type]
    small = [photo.only(np.zeros(len(photo.boxes), bool)) for photo in photos]
    assert set(average_precision(small, found).values()) == {None}  # type: ignore[arg-type]
