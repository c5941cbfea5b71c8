"""How fast is the folded IR? Compared in one run with the unfolded IR, a reference IR and ONNX Runtime.

    python bench/export_speed.py CHECKPOINT [REFERENCE_IR]

Float32, batch 1, all cores, one image at a time. Every round runs every model once, in a changing order, so that all
see the same load on the machine; the ratios are medians over the rounds. `every anchor passes` is the folded IR with an
NMS threshold below every score. Writes bench/results/export_speed.txt.
"""

import os
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import openvino as ov
from openvino import opset13 as ops

from facedet.core.export.export import export
from facedet.core.inference.info import describe

_ROUNDS = 30
_WARM_UP = 3
Run = Callable[[np.ndarray], object]


def main() -> None:
    checkpoint, references = Path(sys.argv[1]), [Path(path) for path in sys.argv[2:]]
    with tempfile.TemporaryDirectory() as scratch:
        folded = export(checkpoint, Path(scratch) / "folded", ["onnx", "fp32"])
        unfolded = export(checkpoint, Path(scratch) / "unfolded", ["fp32"], fold=False)["fp32"]
        size = describe(folded["fp32"]).input_size
        models: dict[str, Run] = {
            "folded IR": compiled(folded["fp32"]),
            "unfolded IR": compiled(unfolded),
            **{f"reference {path.name}": compiled(path) for path in references},
            "ONNX Runtime, folded": onnx_runtime(folded["onnx"]),
            "folded IR, every anchor passes": compiled(folded["fp32"], threshold=-1),
        }
        gflops = {"folded IR": describe(folded["fp32"]).gflops, "unfolded IR": describe(unfolded).gflops}
        text = "\n".join([_machine(), *_table(_measure(models, size), gflops)]) + "\n"
    (Path(__file__).parent / "results" / "export_speed.txt").write_text(text)
    print(text, end="")


def compiled(ir: Path, threshold: float | None = None) -> Run:
    model = ov.Core().read_model(ir)
    if threshold is not None:
        (nms,) = (node for node in model.get_ops() if node.get_type_name() == "NonMaxSuppression")
        nms.input(4).replace_source_output(ops.constant(np.float32(threshold)).output(0))
    hints = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    return ov.Core().compile_model(model, "CPU", hints)


def onnx_runtime(path: Path) -> Run:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda image: session.run(None, {"input": image})


def _measure(models: dict[str, Run], size: int) -> dict[str, list[float]]:
    """Seconds of each model in each round."""
    image = np.random.default_rng(0).uniform(0, 255, (1, 3, size, size)).astype(np.float32)
    times: dict[str, list[float]] = {name: [] for name in models}
    order = list(models)
    for k in range(_WARM_UP + _ROUNDS):
        random.Random(k).shuffle(order)
        for name in order:
            start = time.perf_counter()
            models[name](image)
            if k >= _WARM_UP:
                times[name].append(time.perf_counter() - start)
    return times


def _table(times: dict[str, list[float]], gflops: dict[str, float]) -> list[str]:
    folded = times["folded IR"]
    lines = []
    for name, seconds in times.items():
        milliseconds = " ".join(f"{1000 * f(seconds):7.1f}" for f in (min, statistics.median, max))
        ratio = statistics.median(b / a for a, b in zip(folded, seconds, strict=True))
        speed = f", {gflops[name] / statistics.median(seconds):.0f} GFLOP/s" if name in gflops else ""
        lines.append(f"{name:32} {milliseconds} ms (min, median, max); the folded IR is {ratio:.3f}x as fast{speed}")
    return lines


def _machine() -> str:
    names = [line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")]
    versions = f"OpenVINO {ov.__version__.split('-')[0]}, ONNX Runtime {onnxruntime.__version__}"
    load = " ".join(f"{x:.1f}" for x in os.getloadavg())
    return (
        f"{(names or [platform.machine()])[0]}, {os.cpu_count()} CPUs, load before {load}; {versions}; {_ROUNDS} rounds"
    )


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.is_file() else []


if __name__ == "__main__":
    main()
