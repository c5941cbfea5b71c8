"""An exported IR: its interface, its stored precision and its metadata."""

import re
from pathlib import Path

import openvino as ov
import pytest
from helpers.short import SIZE

from facedet.common.files import sha256
from facedet.export.interface import CLASSES
from facedet.weights.ir.graph import core


@pytest.mark.parametrize("format", ["fp32", "fp16"])
def test_an_ir_has_the_published_interface(exported: dict[str, Path], format: str) -> None:
    model = core().read_model(exported[format])
    assert (list(model.input(0).shape), model.input(0).element_type) == ([1, 3, SIZE, SIZE], ov.Type.f32)
    assert model.input("input") == model.input("image") == model.input(0)
    assert (list(model.output("boxes").shape), model.output("boxes").element_type) == ([750, 5], ov.Type.f32)
    assert (list(model.output("labels").shape), model.output("labels").element_type) == ([750], ov.Type.i64)


def test_fp16_halves_the_size_of_the_weights(exported: dict[str, Path]) -> None:
    fp32, fp16 = (exported[format].with_suffix(".bin").stat().st_size for format in ("fp32", "fp16"))
    assert fp16 < 0.52 * fp32


def test_an_ir_states_its_origin_and_model_api_metadata(exported: dict[str, Path], trained: Path) -> None:
    model = core().read_model(exported["fp32"])
    facts = model.get_rt_info(["facedet"]).value
    assert facts["checkpoint_sha256"] == sha256(trained / "best.pth")
    assert facts["config"] == "tiny"
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", facts["version"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT.*", facts["date"])
    api = model.get_rt_info(["model_info"]).value
    assert (api["model_type"], api["resize_type"], api["labels"]) == ("ssd", "standard", " ".join(CLASSES))
    assert 0 < float(api["confidence_threshold"]) < 1
