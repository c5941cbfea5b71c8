"""Augmentation: boxes follow their pixels."""

import random

import albumentations as A
import cv2
import numpy as np
import pytest

from facedet.data.augment import Augment
from facedet.data.crop import MinIoUCrop
from facedet.data.image import to_input
from facedet.detector.config import load_config

FACE = (40, 220, 250)  # BGR
FIRST, SECOND = (90, 60, 170, 150), (200, 20, 260, 90)  # boxes in a scene


def scene(box: tuple[int, int, int, int]) -> np.ndarray:
    image = np.zeros((200, 300, 3), np.uint8)
    cv2.rectangle(image, box[:2], (box[2] - 1, box[3] - 1), FACE, cv2.FILLED)
    return image


def recipe() -> dict:
    return dict(load_config("face_detection_0206").train_dataloader.dataset.augment)


def bright_box(image: np.ndarray) -> list[int]:
    rows, columns = np.nonzero(image.max(axis=2) > 60)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


@pytest.mark.parametrize("more", [{}, {"zoom_out": 3, "zoom_out_p": 1}])
def test_boxes_follow_their_pixels_through_zoom_out_crop_resize_and_flip(more: dict) -> None:
    geometry = {k: v for k, v in recipe().items() if k.startswith("crop") or k == "flip"}
    augment, moved = Augment(128, **geometry, **more), set()
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
        np.testing.assert_array_equal(Augment(96)(image, *none, 0).image, to_input(image, (96, 96)))
    views = [Augment(96, saturation=(0.0, 0.0))(noise, *none, seed).image for seed in range(8)]
    grey = next(view for view in views if (np.ptp(view, axis=2) == 0).all())
    np.testing.assert_allclose(grey[:, :, 0], cv2.cvtColor(to_input(noise, (96, 96)), cv2.COLOR_BGR2GRAY), atol=1)


def test_the_released_recipe_gives_the_views_that_it_always_gave() -> None:
    """Further settings must not change a view: neither its steps nor the numbers that they draw."""
    released = A.Compose(
        [
            MinIoUCrop((0.1, 0.3, 0.5, 0.7, 0.9), 0.1),
            A.Resize(96, 96, interpolation=cv2.INTER_LINEAR),
            A.RandomBrightnessContrast((-32 / 255, 32 / 255), (0, 0), brightness_by_max=True, p=0.5),
            A.RandomBrightnessContrast((0, 0), (-0.5, 0.5), p=0.5),
            A.ColorJitter((1, 1), (1, 1), (0.5, 1.5), (0, 0), p=0.5),
            A.ColorJitter((1, 1), (1, 1), (1, 1), (-18 / 360, 18 / 360), p=0.5),
            A.ChannelShuffle(p=0.5),
            A.HorizontalFlip(p=0.5),
        ],
        bbox_params=A.BboxParams("pascal_voc", label_fields=["ignored"], min_width=1, min_height=1),
    )
    image, boxes = scene(FIRST), np.array([FIRST, SECOND], np.float32)
    for seed in range(30):
        released.set_random_state(np.random.default_rng(seed), random.Random(seed))
        expected = released(image=image[:, :, ::-1].copy(), bboxes=boxes, ignored=np.array([False, True]))
        view = Augment(96, **recipe())(image, boxes, np.array([False, True]), seed)
        np.testing.assert_array_equal(view.image, expected["image"][:, :, ::-1])
        np.testing.assert_array_equal(view.boxes, np.reshape(expected["bboxes"], (-1, 4)).astype(np.float32))
        np.testing.assert_array_equal(view.ignored, np.reshape(expected["ignored"], -1))


@pytest.mark.parametrize("more", [{}, {"zoom_out": 1.5}, {"rotate": 20}])
def test_with_keep_cut_a_visible_face_is_a_face_or_ignored(more: dict) -> None:
    image, boxes, states = scene((0, 0, 0, 0)), np.array([FIRST, SECOND], np.float32), set()
    for x1, y1, x2, y2 in (FIRST, SECOND):
        centre, axes = ((x1 + x2) // 2, (y1 + y2) // 2), ((x2 - x1) // 2 - 1, (y2 - y1) // 2 - 1)
        cv2.ellipse(image, centre, axes, 0, 0, 360, FACE, cv2.FILLED)
    geometry = {"crop_min_iou": (), "crop_smallest": 0.2, **more}
    for seed in range(60):
        kept = Augment(96, keep_cut=True, **geometry)(image, boxes, np.array([False, False]), seed)
        dropped = Augment(96, **geometry)(image, boxes, np.array([False, False]), seed)
        outside = np.ones((96, 96), bool)
        for x1, y1, x2, y2 in kept.boxes:
            outside[max(0, int(y1) - 1) : int(y2) + 2, max(0, int(x1) - 1) : int(x2) + 2] = False
        assert np.ptp(kept.image, axis=2)[outside].max(initial=0) < 140, "a visible face has no box"
        np.testing.assert_array_equal(kept.boxes[~kept.ignored], dropped.boxes)
        states.add((len(kept.boxes), int(kept.ignored.sum())))
    assert {(1, 0), (2, 0), (2, 1)} <= states


def test_with_keep_cut_a_face_that_becomes_too_small_is_ignored() -> None:
    thin = np.array([[100, 50, 101.5, 52]], np.float32)
    out = Augment(96, keep_cut=True)(scene((100, 50, 101, 52)), thin, np.array([False]), 0)
    assert out.ignored.tolist() == [True]


def test_lost_quality_leaves_faces_in_their_boxes() -> None:
    image, box = scene(FIRST) + np.uint8(20), np.array([FIRST], np.float32)
    plain = Augment(96)(image, box, np.array([False]), 0)
    for name in ("grey", "blur", "noise", "jpeg"):
        for seed in range(6):
            view = Augment(96, **{name: 1.0})(image, box, np.array([False]), seed)
            assert (view.image != plain.image).any()
            np.testing.assert_array_equal(view.boxes, plain.boxes)
            face = np.argwhere(view.image.max(axis=2) > 130)
            np.testing.assert_allclose(
                face.mean(axis=0), np.argwhere(plain.image.max(axis=2) > 130).mean(axis=0), atol=0.6
            )
    grey = Augment(96, grey=1.0)(image, box, np.array([False]), 0).image
    np.testing.assert_array_equal(grey[:, :, 0], cv2.cvtColor(plain.image, cv2.COLOR_BGR2GRAY))


def test_a_view_depends_on_the_seed_alone() -> None:
    settings = dict(recipe(), keep_cut=True, zoom_out=3, rotate=10, grey=0.5, blur=0.5, noise=0.5, jpeg=0.5)
    image, boxes, ignored = scene(FIRST), np.array([FIRST, SECOND], np.float32), np.array([False, False])
    views = [Augment(64, **settings)(image, boxes, ignored, seed) for seed in range(12)]
    augment = Augment(64, **settings)
    for seed in reversed(range(12)):
        cv2.setRNGSeed(1)
        again = augment(image, boxes, ignored, seed)
        np.testing.assert_array_equal(again.image, views[seed].image)
        np.testing.assert_array_equal(again.boxes, views[seed].boxes)
