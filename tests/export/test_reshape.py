"""An exported IR takes other sizes than the one it was exported for, like the published file."""

from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from helpers.short import SIZE

from facedet.common.errors import UserError
from facedet.parity.check import check_parity
from facedet.weights.ir.graph import core

F32 = {"INFERENCE_PRECISION_HINT": "f32"}


@pytest.mark.parametrize("files", ["exported", "unfolded"])
@pytest.mark.parametrize("size", [(128, 256), (320, 192), (150, 213)])
def test_a_reshaped_ir_detects_what_the_checkpoint_detects(
    files: str, size: tuple[int, int], request: pytest.FixtureRequest, trained: Path, unseen_images: Path
) -> None:
    ir = request.getfixturevalue(files)["fp32"]
    parity = check_parity([trained / "best.pth", ir], unseen_images, reference=trained / "best.pth", size=size)
    assert parity.agree, [pair.reasons for pair in parity.pairs]
    pair = parity.pairs[1]
    assert pair.difference.matched > 20
    assert [level.anchors for level in pair.levels] == [-(-size[0] // s) * -(-size[1] // s) for s in (4, 8, 16, 32, 64)]
    assert max(level.max_px for level in pair.levels) < 1e-2


@pytest.mark.parametrize("format", ["fp32", "fp16"])
def test_layouts_and_batch_are_those_of_the_published_file(exported: dict[str, Path], format: str) -> None:
    model = core().read_model(exported[format])
    assert model.get_parameters()[0].layout == ov.Layout("[N,C,H,W]")
    assert model.input(0).get_names() == {"input", "image"}
    assert ov.get_batch(model) == 1
    ov.set_batch(model, 1)
    model.reshape([-1, 3, SIZE, SIZE])  # and then one image
    compiled = core().compile_model(model, "CPU", F32)
    assert compiled(np.zeros((1, 3, SIZE, SIZE), np.float32))["boxes"].shape == (750, 5)


def test_two_images_in_a_file_for_one_are_refused_not_dropped(exported: dict[str, Path]) -> None:
    model = core().read_model(exported["fp32"])
    with pytest.raises(RuntimeError):  # the published file returns the boxes of the first image only
        core().compile_model(ov.set_batch(model, 2), "CPU")({0: np.zeros((2, 3, SIZE, SIZE), np.float32)})


def test_nothing_that_depends_on_the_size_is_computed_at_run_time(exported: dict[str, Path]) -> None:
    compiled = core().compile_model(exported["fp32"], "CPU", F32)
    kinds = [node.get_rt_info()["layerType"].get() for node in compiled.get_runtime_model().get_ops()]
    assert "Convolution" in kinds
    assert not {"ShapeOf", "Range"} & set(kinds)


def test_a_size_that_no_model_takes_is_refused(exported: dict[str, Path], unseen_images: Path) -> None:
    with pytest.raises(UserError, match="--size 63x64: give 64 to 4096 pixels a side"):
        check_parity([exported["fp32"], exported["fp16"]], unseen_images, size=(63, 64))


def test_an_onnx_file_has_one_size(exported: dict[str, Path], unseen_images: Path) -> None:
    with pytest.raises(UserError, match="an ONNX file has one size"):
        check_parity([exported["onnx"], exported["fp32"]], unseen_images, size=(128, 192))
