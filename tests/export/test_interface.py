"""Interfaces that differ are reported."""

import pytest

from facedet.export.interface import Interface, interface_reasons


def interface(rows: object = 750, labels: str = "i64", size: int = 320, takes_mean: bool = True) -> Interface:
    outputs = {"boxes": ("f32", [rows, 5]), "labels": (labels, [rows])}
    return Interface({"image": ("f32", [1, 3, size, size])}, outputs, takes_mean)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (interface(rows=None), ""),
        (interface(rows=100), "its output boxes is [100, 5] f32, that of the reference [750, 5] f32"),
        (interface(labels="i32"), "its output labels is [750] i32, that of the reference [750] i64"),
        (interface(size=640), "its input is [1, 3, 640, 640] f32, that of the reference [1, 3, 320, 320] f32"),
        (interface(takes_mean=False), "only one of the two models subtracts a mean from the image"),
    ],
)
def test_a_different_interface_is_reported(other: Interface, reason: str) -> None:
    reasons = interface_reasons(interface(), other)
    assert (reasons[0] if reasons else "") == reason
