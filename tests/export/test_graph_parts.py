"""The parts of an exported graph, and what the mark on its last convolutions does."""

from collections import Counter
from pathlib import Path

import pytest

from facedet.detector.config import load_config
from facedet.export.graph_parts import (
    convolutions,
    group_normalizations,
    last_convolutions,
    outside_network,
    sums_of_taps,
)
from facedet.inference.openvino_device import computes_in_bf16
from facedet.weights.ir.graph import core


@pytest.mark.parametrize("format", ["fp32", "fp16"])
def test_the_parts_of_a_graph_are_found(format: str, exported: dict[str, Path]) -> None:
    model = core().read_model(exported[format])
    last = last_convolutions(model)
    sums = sums_of_taps(model)
    assert sorted(node.get_output_shape(0)[1] for node in sums) == [1] * 10 + [4] * 5  # of five levels
    assert sorted(node.get_output_shape(0)[1] for node in last) == [9] * 10 + [36] * 5
    assert [node.input_value(0).get_node() for node in sums] == last
    outside = set(outside_network(model))
    assert {node.get_friendly_name() for node in sums} <= outside
    assert not outside & {node.get_friendly_name() for node in convolutions(model)}
    kinds = {n.get_type_name() for n in model.get_ops() if n.get_friendly_name() in outside}
    assert {"Sigmoid", "Exp", "NonMaxSuppression", "TopK"} <= kinds  # scores, decoding, NMS
    assert not {"MaxPool", "ReduceL2", "Relu", "Interpolate"} & kinds
    (image,) = (node for node in model.get_ops() if node.get_type_name() == "Parameter")
    readers = [port.get_node() for port in image.output(0).get_target_inputs()]
    normalization = {node.get_friendly_name() for node in readers if node.get_type_name() != "ShapeOf"}
    assert normalization <= outside


def test_the_group_normalizations_of_a_graph_are_found(exported: dict[str, Path]) -> None:
    model = core().read_model(exported["fp32"])
    names = group_normalizations(model)
    kinds = Counter(node.get_type_name() for node in model.get_ops() if node.get_friendly_name() in names)
    config = load_config("tiny").model.bbox_head
    layers = 2 * config.stacked_convs * len(config.anchor_generator.strides)  # of two towers on each level
    expected = {"ReduceL2": layers, "Subtract": layers, "Multiply": 2 * layers}  # by (h w) ** -0.5, and by the scale
    assert {kind: kinds[kind] for kind in expected} == expected
    assert not {"Convolution", "Relu", "Constant", "Interpolate"} & kinds.keys()
    assert not set(names) & set(outside_network(model))


def test_the_parts_of_a_graph_that_is_not_folded_are_found(unfolded: dict[str, Path]) -> None:
    model = core().read_model(unfolded["fp32"])
    assert sorted(node.get_output_shape(0)[1] for node in last_convolutions(model)) == [1] * 10 + [4] * 5
    assert sums_of_taps(model) == group_normalizations(model) == []


@pytest.mark.parametrize("format", ["fp32", "fp16"])
def test_the_last_convolutions_compute_in_float32_where_the_device_chooses_bf16(
    format: str, exported: dict[str, Path]
) -> None:
    if not computes_in_bf16():
        pytest.skip("this processor does not compute in bf16")
    model = core().read_model(exported[format])
    last = {node.get_friendly_name() for node in last_convolutions(model) + sums_of_taps(model)}
    compiled = core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "bf16"})
    computed: dict[bool, set[str]] = {True: set(), False: set()}
    for node in compiled.get_runtime_model().get_ordered_ops():
        info = {
            key: node.get_rt_info()[key].astype(str) for key in ("layerType", "runtimePrecision", "originalLayersNames")
        }
        if info["layerType"] == "Convolution":
            computed[bool(last & set(info["originalLayersNames"].split(",")))].add(info["runtimePrecision"])
    assert "bf16" not in computed[True]
    assert "bf16" in computed[False]
