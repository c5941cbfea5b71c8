"""The recovered weights compute the same as the graph, whatever conversion fused."""

from pathlib import Path

import numpy as np
import openvino as ov
import pytest
import torch
from helpers.graphs import NORMS, backbone_convolutions, distance, replace_weight
from openvino import opset13 as ops

from facedet.detector.config import load_config, network_to_json
from facedet.detector.model import build_detector
from facedet.export.export import export_model
from facedet.weights.checkpoint import META_KEY, read_checkpoint
from facedet.weights.importing import import_weights
from facedet.weights.ir.graph import core, read_model, rounds_small_constants
from facedet.weights.torch_file import write_torch_file


@pytest.mark.parametrize("format", ["onnx", "fp32"])
def test_our_exports_can_be_imported(
    format: str, unfolded: dict[str, Path], trained: Path, unseen_images: Path, tmp_path: Path
) -> None:
    origin = import_weights(unfolded[format], tmp_path / "back.pth")
    assert origin.config == "tiny"
    assert origin.frozen_norms == NORMS
    px, score = distance(trained / "best.pth", tmp_path / "back.pth", unseen_images)
    assert px < 1e-3
    assert score < 5e-6
    state, original = read_checkpoint(tmp_path / "back.pth")[1], read_checkpoint(trained / "best.pth")[1]
    for name, tensor in original.items():
        if ".gn." in name or ".context_modules." in name or "cls" in name:
            torch.testing.assert_close(state[name], tensor, rtol=1e-6, atol=1e-7)
    found, scales = (torch.stack([s[f"bbox_head.scales.{k}.scale"] for k in range(5)]) for s in (state, original))
    torch.testing.assert_close(found, scales / scales[0], rtol=1e-5, atol=0)


@pytest.mark.parametrize("ours", [True, False])
def test_an_fp16_file_is_imported_as_stored(ours: bool, unfolded: dict[str, Path], tmp_path: Path) -> None:
    file = unfolded["fp16"]
    if not ours:  # as OpenVINO compresses, which stores the constants of the box coder in half precision, too
        file = tmp_path / "compressed.xml"
        ov.save_model(core().read_model(unfolded["fp32"]), file, compress_to_fp16=True)
    assert rounds_small_constants(read_model(file)) == (not ours)
    origin = import_weights(file, tmp_path / "back.pth")
    assert origin.form == "f16 IR"
    assert origin.proof_as_stored is not None
    assert origin.proof is not None
    assert origin.proof_as_stored.px < 2e-2
    assert origin.proof_as_stored.score < 5e-5
    assert origin.proof.px < 0.1  # one weight for all levels, whose copies were rounded separately


@pytest.mark.parametrize("half", [False, True])
def test_an_ir_of_version_10_can_be_imported(
    half: bool, unfolded: dict[str, Path], trained: Path, unseen_images: Path, tmp_path: Path
) -> None:
    model = core().read_model(unfolded["fp32"])
    if half:  # such an IR computes everything in float16, without conversions
        passes = ov.passes.Manager()
        passes.register_pass(ov.passes.ConvertFP32ToFP16())
        passes.run_passes(model)
    ov.serialize(model, tmp_path / "v10.xml")
    text = (tmp_path / "v10.xml").read_text().replace("type_relaxed_", "")
    assert text.count('version="11"') == 1
    (tmp_path / "v10.xml").write_text(text.replace('version="11"', 'version="10"'))
    origin = import_weights(tmp_path / "v10.xml", tmp_path / "back.pth")
    assert origin.form == ("f16 IR" if half else "f32 IR")
    px, score = distance(trained / "best.pth", tmp_path / "back.pth", unseen_images)
    assert px < (0.5 if half else 1e-3)
    assert score < (5e-3 if half else 5e-6)


def test_batch_normalization_that_was_not_folded_keeps_its_statistics(
    unfolded: dict[str, Path], trained: Path, unseen_images: Path, tmp_path: Path
) -> None:
    model, rng, means = core().read_model(unfolded["fp32"]), np.random.default_rng(0), []
    for conv in backbone_convolutions(model):
        (port,) = conv.output(0).get_target_inputs()
        add, channels = port.get_node(), conv.get_output_shape(0)[1]
        gamma, mean = (rng.uniform(0.5, 1.5, channels).astype(np.float32) for _ in range(2))
        variance = rng.uniform(0.5, 2, channels).astype(np.float32)
        scale = gamma / np.sqrt(variance + 1e-3)
        bias = add.input_value(1).get_node().data.reshape(-1)
        replace_weight(conv, lambda w, s=scale: w / s[:, None, None, None])
        norm = ops.batch_norm_inference(conv, gamma, bias + mean * scale, mean, variance, 1e-3)
        for user in add.output(0).get_target_inputs():
            user.replace_source_output(norm.output(0))
        means.append(mean)
    ov.serialize(model, tmp_path / "unfolded.xml")
    origin = import_weights(tmp_path / "unfolded.xml", tmp_path / "back.pth")
    assert origin.frozen_norms == 0
    assert distance(trained / "best.pth", tmp_path / "back.pth", unseen_images)[0] < 1e-2
    _, state = read_checkpoint(tmp_path / "back.pth")
    np.testing.assert_array_equal(state["backbone.bn1.running_mean"], means[0])


def test_scales_and_shifts_that_were_not_fused_are_recovered(
    unfolded: dict[str, Path], trained: Path, unseen_images: Path, tmp_path: Path
) -> None:
    model, rng = core().read_model(unfolded["fp32"]), np.random.default_rng(0)
    for conv in backbone_convolutions(model):
        scale = rng.uniform(0.5, 2, (1, conv.get_output_shape(0)[1], 1, 1)).astype(np.float32)
        (port,) = conv.output(0).get_target_inputs()
        replace_weight(conv, lambda w, s=scale: w / s.reshape(-1, 1, 1, 1))
        port.replace_source_output(ops.multiply(conv, scale).output(0))
    ov.serialize(model, tmp_path / "unfused.xml")
    import_weights(tmp_path / "unfused.xml", tmp_path / "back.pth")
    assert distance(trained / "best.pth", tmp_path / "back.pth", unseen_images)[0] < 1e-2


@pytest.mark.full
def test_a_graph_without_its_zeros_and_ones_can_be_imported(quick: Path, tmp_path: Path) -> None:
    config = load_config(quick)
    fresh = build_detector(config)  # biases are 0 and scales 1: conversion omits these operations
    content = {"meta": {META_KEY: network_to_json(config)}, "state_dict": fresh.state_dict()}
    write_torch_file(content, tmp_path / "fresh.pth")
    files = export_model(tmp_path / "fresh.pth", tmp_path, ["onnx", "fp32"], fold=False)
    for format, path in files.items():
        import_weights(path, tmp_path / f"{format}.pth")
        _, state = read_checkpoint(tmp_path / f"{format}.pth")
        torch.testing.assert_close(state["bbox_head.atss_reg.bias"], fresh.state_dict()["bbox_head.atss_reg.bias"])
        torch.testing.assert_close(state["bbox_head.cls_convs.0.gn.weight"], torch.ones(64))
