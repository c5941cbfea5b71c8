"""Operating points: stored with a model, and refused if they are damaged."""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from facedet.common.errors import UserError
from facedet.weights.operating_point import (
    OPERATING_POINT,
    OperatingPoint,
    in_words,
    point_of_checkpoint,
    point_of_export,
    threshold_of,
)

POINT = OperatingPoint(0.41, 0.991, 0.932, 0.96, 0.02, 21, 74, "0123", "best F1")
GIVEN = OperatingPoint(0.41, chosen="given at export")


@pytest.mark.parametrize("point", [POINT, GIVEN])
def test_a_point_is_read_as_it_was_written(point: OperatingPoint) -> None:
    assert OperatingPoint.from_json(point.to_json()) == point
    assert point_of_checkpoint({OPERATING_POINT: asdict(point)}, Path("x.pth")) == point
    assert point_of_export({OPERATING_POINT: point.to_json()}, Path("x.xml")) == point


def test_a_model_without_a_point_has_the_default() -> None:
    assert point_of_checkpoint({}, Path("x.pth")) is None
    assert point_of_export({}, Path("x.xml")) is None
    assert (threshold_of(None), threshold_of(POINT)) == (0.3, 0.41)


def test_words_say_what_was_measured() -> None:
    figures = "precision 99.1 %, recall 93.2 %, 0.02 false alarms an image"
    assert in_words(POINT) == f"threshold 0.41: best F1 on 21 images with 74 faces, {figures}"
    assert in_words(GIVEN) == "threshold 0.41: given at export"
    assert in_words(None) == "threshold 0.3: nothing was measured"
    assert str(OperatingPoint(0.4, chosen="a\x1b[2Jb\nc")).isprintable()  # a text of anybody's file


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("threshold", None),
        ("threshold", 1.2),
        ("threshold", True),
        ("precision", "0.9"),
        ("recall", math.nan),
        ("f1", -0.1),
        ("false_alarms", math.inf),
        ("images", 2.5),
        ("faces", -1),
        ("dataset", 3),
        ("chosen", None),
        ("recall", None),
        ("more", 1),
    ],
)
def test_a_damaged_point_is_refused_by_the_name_of_the_file(name: str, value: Any) -> None:
    values = asdict(POINT) | {name: value}
    for read in (
        lambda: point_of_checkpoint({OPERATING_POINT: values}, Path("x.pth")),
        lambda: point_of_export({OPERATING_POINT: json.dumps(values)}, Path("x.pth")),
    ):
        with pytest.raises(UserError, match=r"^x.pth: its operating point is damaged \("):
            read()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "0.4", "[" * 100_000])
def test_what_is_no_point_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="its operating point is damaged"):
        point_of_export({OPERATING_POINT: text}, Path("x.onnx"))
