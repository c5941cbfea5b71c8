"""Flags of annotations, also as text."""

from collections.abc import Callable
from typing import Any

import pytest
from helpers.formats import find_file, replace_in

from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.formats.parsing import flag


@pytest.mark.parametrize("value", [True, 1, 2, 1.0, "1", "true", "True", " YES ", "y"])
def test_a_flag_is_set(value: Any) -> None:
    assert flag(value) is True


@pytest.mark.parametrize("value", [None, False, 0, 0.0, "", " ", "0", "false", "False", "no", "None", "Unspecified"])
def test_a_flag_is_not_set(value: Any) -> None:
    assert flag(value) is False


@pytest.mark.parametrize("value", ["maybe", "2", "truee", [], {}, "x" * 99, float("nan"), float("inf")])
def test_a_word_that_says_neither_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"'.{0,60}' is neither true nor false"):
        flag(value)


FLAGS = {  # format: file and the flag of the second face of a.jpg
    "coco": ("set.json", '"iscrowd": 1', '"iscrowd": {}'),
    "datumaro": ("default.json", '"is_crowd": true', '"is_crowd": {}'),
    "voc": ("a.xml", "<difficult>1<", "<difficult>{}<"),
}


@pytest.mark.parametrize("format", FLAGS)
@pytest.mark.parametrize(("text", "ignored"), [("true", True), ("1", True), ("false", False), ("0", False)])
def test_faces_are_ignored_by_flags_as_text(format: str, text: str, ignored: bool, made: Callable) -> None:
    folder = made(format)
    pattern, old, new = FLAGS[format]
    replace_in(find_file(folder, pattern), old, new.format(text if format == "voc" else f'"{text}"'))
    assert read_dataset(DatasetSource(folder)).photos[0].ignored.tolist() == [False, ignored]


@pytest.mark.parametrize("format", FLAGS)
def test_an_image_with_an_unknown_flag_is_left_out(format: str, made: Callable) -> None:
    folder = made(format)
    pattern, old, new = FLAGS[format]
    replace_in(find_file(folder, pattern), old, new.format("maybe" if format == "voc" else '"maybe"'))
    dataset = read_dataset(DatasetSource(folder))
    assert [p.path.name for p in dataset.photos] == ["b.png", "c.jpg"]
    assert [loss.reason for loss in dataset.losses] == [
        "its annotation cannot be read completely: 'maybe' is neither true nor false"
    ]
