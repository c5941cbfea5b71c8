"""Figures of files: they equal those of the config, and the published model card."""

from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from helpers.short import write_config

from facedet.inference.info import describe


def test_compressed_weights_count_as_constants(tmp_path: Path) -> None:
    from openvino import opset13 as op

    image = op.parameter([1, 3, 64, 64], ov.Type.f32, name="input")
    int8 = op.convert(op.constant(np.ones((8, 3, 3, 3), np.int8)), "f32")
    weights = op.multiply(int8, op.constant(np.full((8, 1, 1, 1), 0.1, np.float32)))
    conv = op.convolution(image, weights, [1, 1], [1, 1], [1, 1], [1, 1])
    biased = op.add(conv, op.convert(op.constant(np.ones((1, 8, 1, 1), np.float16)), "f32"))
    ov.save_model(ov.Model([op.relu(biased)], [image]), tmp_path / "int8.xml")
    info = describe(tmp_path / "int8.xml")
    elements = 8 * 64 * 64
    assert round(info.gflops * 1e9) == 2 * 27 * elements + 2 * elements + 2 * 3 * 64 * 64


@pytest.mark.parametrize("format", ["onnx", "fp32", "fp16"])
def test_a_file_has_the_figures_of_its_config(unfolded: dict[str, Path], format: str, tmp_path: Path) -> None:
    config, file = describe(str(write_config(tmp_path))), describe(unfolded[format])
    assert file.gflops == pytest.approx(config.gflops, rel=1e-6)
    assert file.card_million_parameters == pytest.approx(config.card_million_parameters, abs=1e-4)
    assert any("boxes [750,5] f32" in line for line in file.interface)


def test_folded_files_of_one_network_have_the_same_figures(
    exported: dict[str, Path], unfolded: dict[str, Path]
) -> None:
    infos = [describe(path) for path in exported.values()]
    assert len({round(info.gflops * 1e9) for info in infos}) == 1
    parameters = {round(info.card_million_parameters * 1e6) for info in infos}
    assert max(parameters) - min(parameters) <= 5  # an IR holds the scales of five levels in their weights
    assert max(parameters) < describe(unfolded["fp32"]).card_million_parameters * 1e6


def test_exports_say_what_their_checkpoint_says_about_its_training(
    trained: Path, exported: dict[str, Path], quantized: Path
) -> None:
    checkpoint = describe(trained / "best.pth")
    assert checkpoint.training is not None
    said = checkpoint.training.facts()
    assert said.keys() == {"version", "written", "epoch", "AP", "trained on", "validated on", "started from"}
    assert said["trained on"].startswith("train.json, 24 images, 51 faces, fingerprint ")
    assert said["started from"] == "random weights"
    assert checkpoint.origin.items() >= said.items()
    for path in (*exported.values(), quantized):
        assert describe(path).training == checkpoint.training
    assert describe("tiny").training is None


@pytest.mark.full
def test_the_published_graph_has_the_figures_of_its_card(standin: Path) -> None:
    info = describe(standin / "face-detection-0206.xml")
    assert round(info.card_million_parameters, 3) == pytest.approx(69.920)
    assert info.gflops == pytest.approx(339.602, rel=1e-5)
