"""Augmentation: boxes follow their pixels."""

import random

import cv2
import numpy as np
import pytest

from facedet.core.common.boxes import overlaps
from facedet.core.data.augment import Augment, MinIoUCrop
from facedet.core.data.image import to_input
from facedet.core.detector.config import load_config

FACE = (40, 220, 250)  # BGR


def scene(box: tuple[int, int, int, int]) -> np.ndarray:
    image = np.zeros((200, 300, 3), np.uint8)
    cv2.rectangle(image, box[:2], (box[2] - 1, box[3] - 1), FACE, cv2.FILLED)
    return image


def recipe() -> dict:
    return dict(load_config("face_detection_0206").train_dataloader.dataset.augment)


def bright_box(image: np.ndarray) -> list[int]:
    rows, columns = np.nonzero(image.max(axis=2) > 60)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def test_boxes_follow_their_pixels_through_crop_resize_and_flip() -> None:
    geometry = {k: v for k, v in recipe().items() if k.startswith("crop") or k == "flip"}
    augment, moved = Augment(128, **geometry), set()
    for seed in range(60):
        out = augment(scene((90, 60, 170, 150)), np.array([[90, 60, 170, 150]], np.float32), np.array([False]), seed)
        assert out.image.shape == (128, 128, 3)
        np.testing.assert_allclose(out.boxes[0], bright_box(out.image), atol=2.5)
        moved.add(tuple(out.boxes[0].round(1)))
    assert len(moved) > 20


def test_the_whole_recipe_gives_valid_samples() -> None:
    augment = Augment(96, **recipe())
    boxes = np.array([[10, 10, 60, 80], [200, 20, 260, 90], [120, 150, 124, 155]], np.float32)
    for seed in range(60):
        out = augment(scene((10, 10, 60, 80)), boxes, np.array([False, True, False]), seed)
        assert out.image.dtype == np.uint8
        assert len(out.boxes) == len(out.ignored) <= 3
        assert ((out.boxes >= 0) & (out.boxes <= 96)).all()
        assert (out.boxes[:, 2:] - out.boxes[:, :2] >= 1).all()


def test_a_face_that_becomes_too_small_is_dropped_and_the_image_is_kept() -> None:
    thin = np.array([[100, 50, 101.5, 52]], np.float32)  # 1.5 x 2 pixels of 300 x 200 are less than a pixel of 96 x 96
    out = Augment(96)(scene((100, 50, 101, 52)), thin, np.array([False]), 0)
    assert (out.boxes.shape, out.ignored.shape) == ((0, 4), (0,))
    assert out.image.shape == (96, 96, 3)


def test_an_image_without_faces_is_augmented() -> None:
    out = Augment(96, **recipe())(scene((0, 0, 5, 5)), np.zeros((0, 4), np.float32), np.zeros(0, bool), 1)
    assert out.boxes.shape == (0, 4)


def test_the_same_seed_gives_the_same_result_and_steps_are_independent() -> None:
    boxes, ignored = np.array([[90, 60, 170, 150]], np.float32), np.array([False])
    augment = Augment(64, brightness=32, flip=0.5)
    views = [augment(scene((90, 60, 170, 150)), boxes, ignored, seed) for seed in range(40)]
    again = augment(scene((90, 60, 170, 150)), boxes, ignored, 7)
    np.testing.assert_array_equal(views[7].image, again.image)
    seen = {(v.image.max() != max(FACE), v.boxes[0, 0] > 25) for v in views}  # brightened?, flipped?
    assert len(seen) == 4, "brightness and flip do not vary independently"


def test_channels_keep_their_order_and_colour_steps_work_on_rgb() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (80, 120, 3)).astype(np.uint8)
    none = np.zeros((0, 4), np.float32), np.zeros(0, bool)
    for image in (noise, noise[:, ::-1]):  # the second is not contiguous
        np.testing.assert_array_equal(Augment(96)(image, *none, 0).image, to_input(image, 96))
    views = [Augment(96, saturation=(0.0, 0.0))(noise, *none, seed).image for seed in range(8)]
    grey = next(view for view in views if (np.ptp(view, axis=2) == 0).all())
    np.testing.assert_allclose(grey[:, :, 0], cv2.cvtColor(to_input(noise, 96), cv2.COLOR_BGR2GRAY), atol=1)


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
