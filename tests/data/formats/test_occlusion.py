"""What annotations say of faces that are partly hidden."""

from collections.abc import Callable
from typing import Any

import pytest
from helpers.formats import find_file, replace_in

from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.formats.parsing import occlusion
from facedet.data.structures import NOT_STATED, Photo


@pytest.mark.parametrize(
    ("value", "level"),
    [(True, 1), ("1", 1), (0, 0), ("false", 0), *((word, NOT_STATED) for word in (None, "", "Unspecified", "maybe"))],
)
def test_a_word_that_says_nothing_is_no_error(value: Any, level: int) -> None:
    assert occlusion(value) == level


PLACES = {  # format: file, a text of the first face of a.jpg, and the same with its occlusion
    "cvat": ("annotations.xml", 'occluded="0" xtl="10"', 'occluded="1" xtl="10"', (1, 0)),
    "datumaro": ("default.json", '"is_crowd": false', '"occluded": true', (1, NOT_STATED)),
    "voc": ("a.xml", "<difficult>0<", "<occluded>1</occluded><difficult>0<", (1, NOT_STATED)),
    "wider": ("*.txt", " 0 0 0 0 0 0", " 0 0 0 0 2 0", (2, 0)),
}


def first(folder: Any) -> Photo:
    (photo,) = (each for each in read_dataset(DatasetSource(folder)).photos if each.path.name == "a.jpg")
    return photo


@pytest.mark.parametrize("format", PLACES)
def test_the_occlusion_of_a_face_is_kept_with_its_box(format: str, made: Callable) -> None:
    folder = made(format)
    before = first(folder)
    pattern, old, new, levels = PLACES[format]
    replace_in(find_file(folder, pattern), old, new)
    found = first(folder)
    assert found.occlusion == levels
    assert (found.boxes.tolist(), found.ignored.tolist()) == (before.boxes.tolist(), before.ignored.tolist())
    assert found.only(~found.ignored).occlusion == tuple(
        level for level, out in zip(levels, found.ignored, strict=True) if not out
    )
