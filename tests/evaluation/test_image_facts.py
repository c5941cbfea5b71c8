"""Brightness, contrast and sharpness of faces."""

import cv2
import numpy as np
import pytest

from facedet.evaluation.image_facts import face_facts


def texture(side: int = 200) -> np.ndarray:
    """A picture with details of all sizes, BGR, from 60 to 190."""
    random = np.random.default_rng(0)
    layers = [cv2.resize(random.random((n, n)), (side, side), interpolation=cv2.INTER_CUBIC) for n in (4, 16, 64)]
    grey = np.clip(sum(layers) / 3, 0, 1) * 130 + 60
    return np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)


def test_a_face_is_measured_and_not_its_image() -> None:
    image = np.full((100, 100, 3), 250, np.uint8)
    image[20:60, 30:70] = 10
    image[20:60, 50:70] = 30
    dark, bright = face_facts(image, np.array([[30, 20, 70, 60], [70, 60, 100, 100.0]]))
    assert dark[:2].tolist() == [20, 10]
    assert bright[:2].tolist() == [250, 0]


def test_blur_is_found_whatever_the_light_and_the_size() -> None:
    image, box = texture(), np.array([[0, 0, 200, 200.0]])
    blurred = cv2.GaussianBlur(image, (0, 0), 4)
    ((_, contrast, sharp),) = face_facts(image, box)
    ((_, _, dull),) = face_facts(blurred, box)
    assert dull < sharp / 3
    darker = (image * 0.4).astype(np.uint8)
    ((_, less, same),) = face_facts(darker, box)
    assert less == pytest.approx(0.4 * contrast, rel=0.02)
    assert same == pytest.approx(sharp, rel=0.1)
    larger = cv2.resize(image, (400, 400), interpolation=cv2.INTER_CUBIC)
    ((_, _, at_twice),) = face_facts(larger, 2 * box)
    assert at_twice == pytest.approx(sharp, rel=0.2)


def test_what_says_nothing_about_blur_is_not_measured() -> None:
    small, flat = np.array([[0, 0, 200, 63.0]]), np.full((200, 200, 3), 90, np.uint8)
    assert np.isnan(face_facts(texture(), small)[0, 2])
    assert np.isnan(face_facts(flat, np.array([[0, 0, 200, 200.0]]))[0, 2])
    assert face_facts(flat, np.zeros((0, 4))).shape == (0, 3)


@pytest.mark.parametrize(
    "box", [[199.5, 199.5, 200, 200], [-50, -50, 0.2, 0.2], [-9, -9, 999, 999], [300, 300, 310, 310]]
)
def test_a_box_at_the_border_has_at_least_one_pixel(box: list[float]) -> None:
    assert np.isfinite(face_facts(texture(), np.array([box]))[0, 0])
