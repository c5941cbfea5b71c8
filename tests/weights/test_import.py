"""Graphs come back as checkpoints that compute the same, whatever conversion fused."""

from pathlib import Path

import numpy as np
import openvino as ov
import pytest
import torch
from click.testing import CliRunner
from helpers.graphs import NORMS, distance, of_the_backbone, replace_weight
from openvino import opset13 as ops

from facedet.cli import main
from facedet.core.detector.config import load_config, network_facts
from facedet.core.detector.model import build_detector
from facedet.core.export.export import export
from facedet.core.parity.check import check_parity
from facedet.core.weights.checkpoint import (
    FACTS,
    config_from_checkpoint,
    read_checkpoint,
    read_torch_file,
    write_torch_file,
)
from facedet.core.weights.importing import ORIGIN, import_weights
from facedet.core.weights.ir.graph import read_folded
from facedet.core.weights.ir.graph_operations import graph_operations
from facedet.core.weights.ir.operations import Mismatch, Operation, match_operations


@pytest.mark.parametrize("form", ["onnx", "fp32"])
def test_our_exports_come_back(
    form: str, exported: dict[str, Path], trained: Path, pictures: Path, tmp_path: Path
) -> None:
    origin = import_weights(exported[form], tmp_path / "back.pth")
    assert origin.config == "tiny"
    assert origin.frozen_norms == NORMS
    px, score = distance(trained / "best.pth", tmp_path / "back.pth", pictures)
    assert px < 1e-3
    assert score < 5e-6
    state, original = read_checkpoint(tmp_path / "back.pth")[1], read_checkpoint(trained / "best.pth")[1]
    for name, tensor in original.items():
        if ".gn." in name or ".context_modules." in name or "cls" in name:
            torch.testing.assert_close(state[name], tensor, rtol=1e-6, atol=1e-7)
    found, scales = (torch.stack([s[f"bbox_head.scales.{k}.scale"] for k in range(5)]) for s in (state, original))
    torch.testing.assert_close(found, scales / scales[0], rtol=1e-5, atol=0)


def test_a_half_precision_file_comes_back_as_it_was_stored(exported: dict[str, Path], tmp_path: Path) -> None:
    origin = import_weights(exported["fp16"], tmp_path / "back.pth")
    assert origin.form == "f16 IR"
    assert origin.proof_as_stored is not None
    assert origin.proof is not None
    assert origin.proof_as_stored.px < 2e-2
    assert origin.proof_as_stored.score < 5e-5
    assert origin.proof.px < 0.1  # one weight for all levels, each of whose copies was rounded by itself


@pytest.mark.parametrize("half", [False, True])
def test_irs_of_version_10_come_back(
    half: bool, exported: dict[str, Path], trained: Path, pictures: Path, tmp_path: Path
) -> None:
    model = ov.Core().read_model(exported["fp32"])
    if half:  # everything is computed in half precision there, without conversions
        passes = ov.passes.Manager()
        passes.register_pass(ov.passes.ConvertFP32ToFP16())
        passes.run_passes(model)
    ov.serialize(model, tmp_path / "v10.xml")
    text = (tmp_path / "v10.xml").read_text().replace("type_relaxed_", "")
    assert text.count('version="11"') == 1
    (tmp_path / "v10.xml").write_text(text.replace('version="11"', 'version="10"'))
    origin = import_weights(tmp_path / "v10.xml", tmp_path / "back.pth")
    assert origin.form == ("f16 IR" if half else "f32 IR")
    px, score = distance(trained / "best.pth", tmp_path / "back.pth", pictures)
    assert px < (0.5 if half else 1e-3)
    assert score < (5e-3 if half else 5e-6)


def test_batch_norms_that_are_still_there_come_back_with_their_statistics(
    exported: dict[str, Path], trained: Path, pictures: Path, tmp_path: Path
) -> None:
    model, rng, means = ov.Core().read_model(exported["fp32"]), np.random.default_rng(0), []
    for conv in of_the_backbone(model):
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
    assert distance(trained / "best.pth", tmp_path / "back.pth", pictures)[0] < 1e-2
    _, state = read_checkpoint(tmp_path / "back.pth")
    np.testing.assert_array_equal(state["backbone.bn1.running_mean"], means[0])


def test_scales_and_shifts_that_were_not_fused_come_back(
    exported: dict[str, Path], trained: Path, pictures: Path, tmp_path: Path
) -> None:
    model, rng = ov.Core().read_model(exported["fp32"]), np.random.default_rng(0)
    for conv in of_the_backbone(model):
        scale = rng.uniform(0.5, 2, (1, conv.get_output_shape(0)[1], 1, 1)).astype(np.float32)
        (port,) = conv.output(0).get_target_inputs()
        replace_weight(conv, lambda w, s=scale: w / s.reshape(-1, 1, 1, 1))
        port.replace_source_output(ops.multiply(conv, scale).output(0))
    ov.serialize(model, tmp_path / "unfused.xml")
    import_weights(tmp_path / "unfused.xml", tmp_path / "back.pth")
    assert distance(trained / "best.pth", tmp_path / "back.pth", pictures)[0] < 1e-2


def test_operations_are_matched_whatever_the_order() -> None:
    def network(order: int) -> list[Operation]:
        image = Operation("image")
        left, right = Operation("conv", ((1,), 3), [image]), Operation("conv", ((1,), 3), [image])
        tail, both = Operation("relu", (), [left]), Operation("add", (), [])
        both.inputs = [tail, right][::order]
        return [image, *[left, right][::order], tail, both]

    ours, theirs = network(1), network(-1)
    pairs = match_operations(ours, theirs)
    assert [theirs.index(b) for _, b in pairs] == [0, 2, 1, 3, 4]
    theirs[4].inputs = [theirs[3], theirs[3]]
    with pytest.raises(Mismatch):
        match_operations(ours, theirs)


def test_there_and_back_again(imported: Path, exported: dict[str, Path], pictures: Path, tmp_path: Path) -> None:
    again = export(imported, tmp_path, ["fp32"])
    parity = check_parity([imported, again["fp32"]], pictures, reference=exported["fp32"])
    assert parity.agree, [pair.reasons for pair in parity.pairs]
    assert parity.pairs[1].difference.matched > 100
    assert [level.anchors for level in parity.pairs[1].levels] == [6400, 1600, 400, 100, 25]


def test_an_import_says_where_it_comes_from(imported: Path, exported: dict[str, Path]) -> None:
    content = read_torch_file(imported)
    assert config_from_checkpoint(content, imported).model.backbone.norm_eval
    assert set(content["meta"][ORIGIN]["files"]) == {"detector-fp32.xml", "detector-fp32.bin"}
    done = CliRunner().invoke(main, ["info", str(imported)])
    assert "imported from: f32 IR detector-fp32.xml (sha256 " in done.output


def test_the_command_tells_what_it_proved(exported: dict[str, Path], tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["import", str(exported["fp16"]), "-o", str(tmp_path / "x.pth")])
    assert done.exit_code == 0, done.output
    assert "f16 IR of tiny, every weight in its place" in done.output
    assert "20 batch norms have no statistics and stay frozen" in done.output


def test_every_weight_of_the_published_graph_is_used(standin: Path) -> None:
    used = 0
    for operation in graph_operations(read_folded(standin / "face-detection-0206.xml")).operations:
        found = operation.content
        if operation.kind == "conv":
            used += found.weight.size + (np.size(found.shift) if np.any(found.shift) else 0)
        elif operation.kind == "norm":
            used += np.size(found.scale) + np.size(found.shift)
    per_level, scales = 1_483_531, 5  # the head's parameters stand once for each of five levels; scales are folded
    assert used == 63_788_363 - 75_712 - scales + 4 * (per_level - scales)


def test_a_graph_from_which_zeros_and_ones_were_dropped_comes_back(quick: Path, tmp_path: Path) -> None:
    config = load_config(quick)
    fresh = build_detector(config)  # biases are 0, scales 1: conversion leaves such operations out
    write_torch_file({"meta": {FACTS: network_facts(config)}, "state_dict": fresh.state_dict()}, tmp_path / "fresh.pth")
    files = export(tmp_path / "fresh.pth", tmp_path, ["onnx", "fp32"])
    for form, path in files.items():
        import_weights(path, tmp_path / f"{form}.pth")
        _, state = read_checkpoint(tmp_path / f"{form}.pth")
        torch.testing.assert_close(state["bbox_head.atss_reg.bias"], fresh.state_dict()["bbox_head.atss_reg.bias"])
        torch.testing.assert_close(state["bbox_head.cls_convs.0.gn.weight"], torch.ones(64))
