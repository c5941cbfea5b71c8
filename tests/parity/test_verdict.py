"""Differences of detections, and the verdict on them."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from facedet.data.image import read_image, to_tensor
from facedet.inference.openvino_device import computes_in_bf16
from facedet.inference.runtime import Runtime
from facedet.inference.session import open_session
from facedet.parity.tolerances import TOLERANCES
from facedet.parity.verdict import compare, measure

RUNTIME = Runtime("CPU", "a processor", "f32", "OpenVINO 1")


def test_differences_are_measured_in_pixels_and_scores() -> None:
    first = np.array([[0, 0, 10, 10, 0.9, 0], [50, 50, 60, 60, 0.5, 0], [0] * 6], np.float32)
    second = np.array([[0, 0, 10, 10.5, 0.8, 0], [80, 80, 90, 90, 0.4, 0], [0] * 6], np.float32)
    found = measure([first], [second], TOLERANCES["f32"])
    assert (found.matched, found.only_first, found.only_second, found.judged) == (1, 1, 1, 1)
    assert found.highest_unmatched == pytest.approx(0.5)
    assert found.max_px == pytest.approx(0.5)
    assert found.mean_px == pytest.approx(0.125)
    assert found.max_score == pytest.approx(0.1)


def test_few_low_score_boxes_may_be_unmatched_but_not_many() -> None:
    low_score = [[30.0 * k, 0, 30 * k + 20, 20, 0.04, 0] for k in range(200)]
    rows = np.array([*low_score, [0, 50, 20, 70, 0.9, 0]], np.float32)
    rows = rows[np.argsort(-rows[:, 4], kind="stable")]
    session = SimpleNamespace(path=Path("x"), kind="IR", weights="f32", runtime=RUNTIME, threshold=0.02)
    for swapped, agree in ((0, True), (10, True), (11, False), (200, False)):
        other = rows.copy()
        other[1 : 1 + swapped, :4] += 3  # NMS kept the neighbouring box instead
        pair = compare(session, session, [rows], [other])
        assert pair.agree is agree, (swapped, pair.reasons)
        assert pair.difference.faint_off == swapped
    other = rows.copy()
    other[0, :4] += 3
    assert not compare(session, session, [rows], [other]).agree


def test_values_that_are_not_finite_and_unsorted_rows_are_reported() -> None:
    rows = np.array([[0, 0, 10, 10, 0.9, 0], [50, 50, 60, 60, 0.5, 0], [0] * 6], np.float32)
    session = SimpleNamespace(path=Path("x"), kind="IR", weights="f32", runtime=RUNTIME, threshold=0.02)
    assert compare(session, session, [rows], [rows]).agree

    def changed(row: int, column: int, value: float) -> np.ndarray:
        other = rows.copy()
        other[row, column] = value
        return other

    expected = {
        "IR: rows are not sorted by descending score, zero rows last": rows[[0, 2, 1]],
        "IR: values that are not finite": changed(1, 4, np.nan),
        "IR: labels other than 0 (face)": changed(0, 5, 7),
    }
    for reason, other in expected.items():
        assert reason in compare(session, session, [rows], [other]).reasons
        assert reason.replace("IR", "reference") in compare(session, session, [other], [rows]).reasons


def test_int8_is_judged_by_the_shown_boxes_that_are_alike() -> None:
    shown = [[40.0 * k, 0, 40 * k + 30, 30, 0.9, 0] for k in range(10)]
    rows = np.array([*shown, [0, 100, 20, 120, 0.1, 0]], np.float32)
    float_session, int8 = (
        SimpleNamespace(path=Path("x"), kind="IR", weights=weights, runtime=RUNTIME, threshold=0.02)
        for weights in ("f32", "i8")
    )
    assert TOLERANCES["i8"].share == 0.9

    def compared(count: int, column: int, step: float) -> tuple[bool, int]:
        other = rows.copy()
        other[:count, column] += step
        other[10] = 0  # a faint box less does not count
        pair = compare(float_session, int8, [rows], [other[np.argsort(-other[:, 4], kind="stable")]])
        assert pair.tolerance == TOLERANCES["i8"]
        return pair.agree, pair.difference.shown_alike

    assert compared(10, 0, 1) == (True, 10)  # IoU 0.97
    assert compared(1, 0, 4) == (True, 9)  # IoU 0.87
    assert compared(2, 0, 4) == (False, 8)
    assert compared(2, 4, -0.2) == (False, 8)
    assert compared(2, 1, 60) == (False, 8)  # no match at all
    assert not compare(float_session, int8, [rows[10:]], [rows[10:]]).agree  # nothing is shown


def test_a_session_that_computes_in_bf16_is_reported(exported: dict[str, Path], unseen_images: Path) -> None:
    if not computes_in_bf16():
        pytest.skip("this processor does not compute in bf16; test_check.py tests bf16 weights everywhere")
    exact, rough = open_session(exported["fp32"]), open_session(exported["fp32"], "bf16")
    tensors = [to_tensor(image, exact.size) for image in map(read_image, sorted(unseen_images.iterdir()))]
    pair = compare(exact, rough, [exact.run(t) for t in tensors], [rough.run(t) for t in tensors])
    assert (pair.precision, pair.agree) == ("bf16", False)
