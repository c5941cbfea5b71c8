"""The affine map of a view: pixels and boxes move together."""

import random

import cv2
import numpy as np
import pytest

from facedet.data.image import to_input
from facedet.data.warp import draw_canvas, frame_map, warp_boxes, warp_image


def test_a_frame_inside_the_image_is_its_crop_resized() -> None:
    image = cv2.resize(np.random.default_rng(0).integers(0, 256, (12, 16, 3)).astype(np.uint8), (300, 200))
    view = warp_image(image, frame_map((40, 30, 240, 180), 96), 96)
    inner = slice(1, -1)  # at the edge, a resized crop repeats its last pixel
    np.testing.assert_allclose(
        view[inner, inner].astype(int), to_input(image[30:180, 40:240], (96, 96))[inner, inner], atol=4
    )


def test_the_mean_colour_surrounds_the_image() -> None:
    image = np.full((200, 300, 3), (10, 100, 200), np.uint8)
    view = warp_image(image, frame_map((-150, -100, 450, 300), 96, degrees=30), 96)
    np.testing.assert_allclose(view.reshape(-1, 3), np.full((96 * 96, 3), (10, 100, 200)), atol=1)


@pytest.mark.parametrize("degrees", [0, 15, -40])
def test_boxes_fit_turned_faces(degrees: float) -> None:
    image = np.zeros((200, 300, 3), np.uint8)
    cv2.ellipse(image, (130, 105), (40, 50), 0, 0, 360, (255, 255, 255), cv2.FILLED, cv2.LINE_AA)
    matrix = frame_map((-30, -40, 330, 220), 256, degrees)
    rows, columns = np.nonzero(warp_image(image, matrix, 256).max(axis=2) > 128)
    box = warp_boxes(np.array([[90, 55, 171, 156]], float), matrix)[0]
    np.testing.assert_allclose(box, [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], atol=1.2)


def test_a_canvas_contains_the_image_and_keeps_its_aspect() -> None:
    for seed in range(30):
        x1, y1, x2, y2 = draw_canvas(random.Random(seed), 300, 200, 3)
        assert max(x1, y1, 300 - x2, 200 - y2) <= 0
        assert x2 - x1 <= 900
        assert (x2 - x1) / (y2 - y1) == pytest.approx(1.5, abs=0.01)
