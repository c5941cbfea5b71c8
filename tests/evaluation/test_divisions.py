"""Ways to divide faces into groups."""

from dataclasses import replace

import numpy as np
from helpers.boxes import boxes, photo

from facedet.evaluation.divisions import BORDER, FACES_AN_IMAGE, HEIGHT, Division, divide


def groups(divisions: list[Division], name: str) -> list[str]:
    """The group of each face."""
    (division,) = (each for each in divisions if each.name == name)
    return [division.groups[k] for k in division.of_faces]


def test_faces_are_in_the_group_whose_edges_hold_them() -> None:
    first = photo("a.png", boxes((0, 0, 15, 15.9), (100, 100, 16, 16), (30, 300, 300, 200)), False, False, False)
    second = photo("b.png", boxes((200, 200, 99, 99), (200, 60, 100, 100)), True, False)
    found = divide([first, second])
    assert groups(found, HEIGHT) == ["below 16", "16 to 32", "128 to 256", "64 to 128"]
    assert groups(found, BORDER) == ["below 0.02", "1 and more", "below 0.02", "0.25 to 1"]
    assert groups(found, FACES_AN_IMAGE) == ["2 to 4", "2 to 4", "2 to 4", "1"]
    (by_image,) = (each for each in found if each.of_images is not None)
    assert by_image.of_images is not None
    assert [by_image.groups[k] for k in by_image.of_images] == ["2 to 4", "1"]


def test_pixels_divide_only_where_they_were_read_and_ignored_faces_do_not_count() -> None:
    photos = [photo("a.png", boxes((0, 0, 99, 99), (100, 0, 99, 99), (200, 0, 99, 99)), False, True, False)]
    facts = [np.array([[49.9, 20, np.nan], [255, 0, 9], [50, 19, 0.05]], np.float32)]
    found = divide(photos, facts)
    assert groups(found, "brightness of the face, 0 to 255") == ["below 50", "50 to 90"]
    assert groups(found, "contrast of the face") == ["20 to 40", "below 20"]
    assert groups(found, "sharpness of the face") == ["not measured", "0.05 to 0.1"]
    assert not [each for each in divide(photos) if "brightness" in each.name]


def test_the_annotation_divides_if_it_says_anything() -> None:
    one = photo("a.png", boxes((0, 0, 99, 99), (100, 0, 99, 99), (200, 0, 99, 99)))
    stated = replace(one, occlusion=(0, 2, -1), classes=("mask", "face", "mask"))
    found = divide([stated])
    assert groups(found, "annotated occlusion") == ["not occluded", "heavily occluded", "not given"]
    assert groups(found, "class") == ["mask", "face", "mask"]
    assert {each.name for each in divide([replace(stated, occlusion=(), classes=("face",) * 3)])} == {
        *(HEIGHT, FACES_AN_IMAGE, BORDER)
    }
