"""Quantization to INT8: what is quantized, what stays in float, and what the file states."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from helpers.short import SIZE
from openvino import opset13 as ops

from facedet.common.errors import UserError
from facedet.common.files import sha256
from facedet.data.image import read_image, to_tensor
from facedet.export.graph_parts import outside_network
from facedet.export.int8 import Run, quantize
from facedet.export.interface import interface_reasons
from facedet.inference.info import describe
from facedet.inference.session import open_session
from facedet.weights.ir.graph import core, read_facts, read_model

F32 = {"INFERENCE_PRECISION_HINT": "f32"}


def test_an_int8_ir_has_the_published_interface(quantized: Path, exported: dict[str, Path]) -> None:
    session, reference = open_session(quantized), open_session(exported["fp32"])
    assert session.weights == "i8"
    assert interface_reasons(reference.interface(), session.interface()) == []
    assert describe(quantized).interface == describe(exported["fp32"]).interface  # names too


def test_an_int8_ir_states_its_origin(quantized: Path, exported: dict[str, Path], trained: Path) -> None:
    origin = describe(quantized).origin
    assert origin["checkpoint_sha256"] == sha256(trained / "best.pth")
    assert (origin["quantized_from"], origin["preset"]) == ("detector-fp32.xml", "performance")
    assert origin["quantized_from_sha256"] == sha256(exported["fp32"].with_suffix(".bin"))
    assert (origin["calibration_images"], origin["float_convolutions"]) == ("32", "0 of 65")
    assert origin["nncf"].startswith("3.")


def test_an_int8_ir_has_the_cost_of_its_source_in_a_quarter_of_the_bytes(
    quantized: Path, exported: dict[str, Path]
) -> None:
    int8, fp32 = describe(quantized), describe(exported["fp32"])
    assert (int8.gflops, int8.card_million_parameters) == (fp32.gflops, fp32.card_million_parameters)
    assert int8.bin_bytes < 0.28 * fp32.bin_bytes


def test_pre_and_postprocessing_stay_in_float(quantized: Path) -> None:
    model = core().read_model(quantized)
    outside = set(outside_network(model))
    kinds = {node.get_type_name() for node in model.get_ops() if node.get_friendly_name() in outside}
    assert {"Sigmoid", "Exp", "NonMaxSuppression"} <= kinds
    assert "FakeQuantize" in {node.get_type_name() for node in model.get_ops()}
    # the one that quantizes what the first convolution reads comes after the normalization
    quantizers = [
        n for n in model.get_ops() if n.get_type_name() == "FakeQuantize" and n.get_friendly_name() in outside
    ]
    assert all(_readers(node) == {"Convolution"} for node in quantizers)


def test_what_is_quantized_is_read_by_the_network_alone(quantized: Path) -> None:
    quantizers = [n for n in core().read_model(quantized).get_ops() if n.get_type_name() == "FakeQuantize"]
    read_by = {kind for node in quantizers for kind in _readers(node)}
    assert read_by == {"Convolution", "Add", "Interpolate", "MaxPool"}  # and not by group normalization


def _readers(node: ov.Node) -> set[str]:
    return {port.get_node().get_type_name() for port in node.output(0).get_target_inputs()}


@pytest.mark.parametrize("format", ["fp16", "int8"])
def test_only_float32_weights_are_quantized(
    format: str, exported: dict[str, Path], quantized: Path, unseen_images: Path, tmp_path: Path
) -> None:
    ir = quantized if format == "int8" else exported["fp16"]
    with pytest.raises(UserError, match=r"its weights are stored in (f16|i8); give the checkpoint or an FP32 IR"):
        quantize(ir, sorted(unseen_images.iterdir()), tmp_path / "out.xml")
    assert not list(tmp_path.iterdir())


class ScoreJudge:
    """Judges by the largest difference of the best scores in one image."""

    images = 1

    def __init__(self, ir: Path, tensor: np.ndarray):
        self._tensor, self._scores = tensor, open_session(ir).run(tensor)[:20, 4]

    def drop(self, run: Run, images: Sequence[int]) -> tuple[float, list[float]]:
        difference = float(np.abs(run(self._tensor)["boxes"][:20, 4] - self._scores).max())
        return difference, [difference] * len(images)


class OutputJudge:
    """Judges by the largest difference of the output in one image, relative to the largest output."""

    images = 1

    def __init__(self, ir: Path, tensor: np.ndarray):
        self._tensor, self._expected = tensor, core().compile_model(ir, "CPU", F32)(tensor)["boxes"]

    def drop(self, run: Run, images: Sequence[int]) -> tuple[float, list[float]]:
        difference = np.abs(run(self._tensor)["boxes"] - self._expected).max() / np.abs(self._expected).max()
        return float(difference), [float(difference)] * len(images)


def write_sensitive_network(path: Path) -> None:
    """Four convolutions; one channel that the third reads is a thousand times larger than the others."""
    rng, image = np.random.default_rng(0), ops.parameter([1, 3, 32, 32], ov.Type.f32, name="input")
    large = np.where(np.arange(8) == 0, 1000, 1).astype(np.float32)
    node: ov.Node = image
    for inputs, outputs, scale in ((3, 8, 1), (8, 8, large[:, None]), (8, 8, 1 / large), (8, 5, 1)):
        weight = rng.normal(0, 0.3, (outputs, inputs)).astype(np.float32) * scale
        node = ops.convolution(node, np.float32(weight)[:, :, None, None], [1, 1], [0, 0], [0, 0], [1, 1])
        node = ops.relu(node) if outputs == 8 else node
    node.output(0).get_tensor().set_names({"boxes"})
    ov.save_model(ov.Model([ops.result(node)], [image]), path, compress_to_fp16=False)


def test_layers_of_a_small_network_that_hurt_stay_in_float(unseen_images: Path, tmp_path: Path) -> None:
    write_sensitive_network(tmp_path / "float.xml")
    images = sorted(unseen_images.iterdir())
    judge, drops = OutputJudge(tmp_path / "float.xml", to_tensor(read_image(images[0]), (32, 32))), []
    for name, options in (("all.xml", {}), ("careful.xml", {"judge": judge, "max_drop": 0.03})):
        quantize(tmp_path / "float.xml", images, tmp_path / name, **options)
        drops.append(judge.drop(core().compile_model(tmp_path / name, "CPU", F32), [0])[0])
    assert drops[0] > 0.1
    assert drops[1] <= 0.03
    names = [tmp_path / name for name in ("all.xml", "careful.xml")]
    all_int8, careful = (read_facts(name, read_model(name))["float_convolutions"].split() for name in names)
    assert all_int8 == ["0", "of", "4"]
    assert 0 < int(careful[0]) < int(careful[2]) == 4


def test_weights_leave_room_for_the_sums_of_processors_without_vnni(unseen_images: Path, tmp_path: Path) -> None:
    write_sensitive_network(tmp_path / "float.xml")
    quantize(tmp_path / "float.xml", sorted(unseen_images.iterdir()), tmp_path / "int8.xml")
    weights = [
        node.data for node in read_model(tmp_path / "int8.xml").get_ops() if node.get_element_type() == ov.Type.i8
    ]
    assert len(weights) == 4
    assert all(32 < np.abs(each.astype(int)).max() <= 64 for each in weights)


@pytest.mark.full
def test_layers_that_hurt_stay_in_float(exported: dict[str, Path], unseen_images: Path, tmp_path: Path) -> None:
    images = sorted(unseen_images.iterdir())
    judge = ScoreJudge(exported["fp32"], to_tensor(read_image(images[0]), (SIZE, SIZE)))

    def drop(name: str) -> float:
        return judge.drop(core().compile_model(tmp_path / name, "CPU", F32), [0])[0]

    quantize(exported["fp32"], images, tmp_path / "all.xml")
    allowed = drop("all.xml") / 2  # depends on the processor, and how many layers it takes too
    quantize(exported["fp32"], images, tmp_path / "careful.xml", judge=judge, max_drop=allowed)
    assert drop("careful.xml") <= allowed
    assert describe(tmp_path / "all.xml").origin["float_convolutions"] == "0 of 65"
    in_float, _, convolutions = describe(tmp_path / "careful.xml").origin["float_convolutions"].split()
    assert int(in_float) > 0
    assert convolutions == "65"
