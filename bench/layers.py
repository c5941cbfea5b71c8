"""Where does the folded IR spend its time? By kind of layer, compared with the fastest convolution on this machine.

    python bench/layers.py [--rounds 20] [--small]

The full model or `small`, float32, one thread, so that CPU time is the time of the layers: other programs on the
machine change it little. They do slow down individual layers, so the time of a layer is its shortest over all rounds:
on an idle machine, the sum of these is the CPU time of a pass. Writes bench/results/layers.txt or layers_small.txt.
"""

import math
import os
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import numpy as np
import openvino as ov
from full_model import full_model, random_model
from openvino import opset13 as ops

from facedet.common.machine import describe_machine
from facedet.export.export import export_model
from facedet.text.columns import columns
from facedet.weights.ir.graph import core, read_model

_PEAKS = ((128, 160), (128, 80), (256, 40))  # channels and side of large 3x3 convolutions of the model
_HINTS = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1, "PERF_COUNT": True}


@click.command()
@click.option("--rounds", default=20, show_default=True)
@click.option("--small", is_flag=True, help="Measure `small`.")
def main(rounds: int, small: bool) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        checkpoint = random_model("small", folder / "small.pth") if small else full_model(folder)[0]
        model = read_model(export_model(checkpoint, scratch, ["fp32"])["fp32"])
        models = [model, *(_large_convolutions(*shape) for shape in _PEAKS)]
        compiled = [core().compile_model(m, "CPU", _HINTS) for m in models]
        passes, shortest = _measure([c.create_infer_request() for c in compiled], rounds)
    peaks = [_gflops(c) / min(each) for c, each in zip(compiled[1:], passes[1:], strict=True)]
    text = "\n".join(_lines(compiled[0], passes[0], max(peaks), shortest)) + "\n"
    (Path(__file__).parent / "results" / f"layers{'_small' if small else ''}.txt").write_text(text)
    click.echo(text, nl=False)


def _large_convolutions(channels: int, side: int) -> ov.Model:
    """Eight equal 3x3 convolutions in sequence."""
    image = x = ops.parameter([1, channels, side, side], ov.Type.f32)
    weights = np.random.default_rng(0).normal(0, 0.03, (channels, channels, 3, 3)).astype(np.float32)
    for _ in range(8):
        x = ops.relu(ops.convolution(x, ops.constant(weights), [1, 1], [1, 1], [1, 1], [1, 1]))
    return ov.Model([x], [image])


def _measure(requests: list[Any], rounds: int) -> tuple[list[list[float]], dict[str, float]]:
    """CPU milliseconds of each pass of each request, and the shortest time of each layer of the first by name."""
    for request in requests:
        shape = request.model_inputs[0].shape
        request.set_input_tensor(ov.Tensor(np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)))
        request.infer()
    passes: list[list[float]] = [[] for _ in requests]
    shortest: dict[str, float] = defaultdict(lambda: math.inf)
    for k in range(rounds):
        for i in random.Random(k).sample(range(len(requests)), len(requests)):
            started = time.process_time()
            requests[i].infer()
            passes[i].append(1000 * (time.process_time() - started))
        for layer in requests[0].profiling_info:
            shortest[layer.node_name] = min(shortest[layer.node_name], 1000 * layer.real_time.total_seconds())
    return passes, shortest


def _lines(network: Any, passes: list[float], peak: float, shortest: dict[str, float]) -> list[str]:
    groups: dict[str, list[tuple[float, float]]] = defaultdict(list)  # GFLOPs and milliseconds of each layer
    for node in network.get_runtime_model().get_ordered_ops():
        kind, gflops = _kind(node)
        groups[kind].append((gflops, shortest.get(node.get_friendly_name(), 0)))
    total, gflops, layers = statistics.median(passes), _gflops(network), sum(shortest.values())
    rate = gflops / total
    rows: list[tuple[str, ...]] = [("layers", "number", "ms", "share", "GFLOPs", "GFLOP/s")]
    for kind, members in sorted(groups.items(), key=lambda group: -sum(ms for _, ms in group[1])):
        g, ms = (sum(values) for values in zip(*members, strict=True))
        speed = (f"{g:.1f}", f"{1000 * g / ms:.0f}") if g else ("", "")
        if ms >= 0.05:
            rows.append((kind, str(len(members)), f"{ms:.1f}", f"{100 * ms / layers:.1f} %", *speed))
    return [
        f"python {' '.join(sys.argv)} "
        f"({describe_machine()}, load {os.getloadavg()[0]:.1f}, openvino {version('openvino')})",
        f"a pass of the folded IR, one thread, median of {len(passes)}: {total:.0f} ms of CPU time, "
        f"{gflops:.1f} GFLOPs in convolutions: {1000 * rate:.0f} GFLOP/s",
        f"the fastest of three large 3x3 convolutions of the full model, in turns with it: {1000 * peak:.0f} GFLOP/s",
        f"so all layers together reach {100 * rate / peak:.0f} % of the peak, and the convolutions more",
        f"sum of the layers below, each at its shortest: {layers:.0f} ms (other programs lengthen it)",
        "",
        columns(rows, numbers=True),
    ]


def _gflops(network: Any) -> float:
    return sum(_kind(node)[1] for node in network.get_runtime_model().get_ops())


def _kind(node: Any) -> tuple[str, float]:
    """The group of a layer of a compiled graph, and its GFLOPs if it is a convolution."""
    kind = str(node.get_rt_info()["layerType"].value)
    if kind != "Convolution":
        return {"Reduce": "group normalization: moments", "Reorder": "change of layout"}.get(kind, kind), 0.0
    out, weights = node.get_output_shape(0), node.input_value(1).get_shape()
    name = f"convolution {weights[-2]}x{weights[-1]}, "
    if len(weights) == 5:  # [groups, outputs of a group, inputs of a group, ...]
        name += "with groups"
    else:
        name += f"{'fewer than 8' if weights[0] < 8 else 'to many'} channels"
    return name, 2 * math.prod(out) * math.prod(weights[-3:]) / 1e9


if __name__ == "__main__":
    main()
