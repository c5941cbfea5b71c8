"""How fast is the folded IR? Compared in one run with the published graph, ONNX Runtime, torch, and its own worst case.

    python bench/export_speed.py [--rounds 10]

The full model, float32. `every-anchor-passes.xml` is the folded IR with an NMS threshold below every score. Writes
bench/results/export_speed.txt.
"""

import contextlib
import tempfile
from pathlib import Path

import click
import numpy as np
from full_model import full_model
from openvino import opset13 as ops
from openvino import save_model

from facedet.export.export import export_model
from facedet.inference.benchmark import Benchmark, benchmark
from facedet.progress_bars import bar
from facedet.text.benchmark import benchmark_table
from facedet.weights.ir.graph import read_model

_TARGETS = {  # the required speed-up of the folded IR over these
    "reference/face-detection-0206.xml": "at least 1.15x, better 1.20x",
    "folded/detector.onnx": "at least 1.2x",
    "folded/every-anchor-passes.xml": "at most 1.1x",
}


@click.command()
@click.option("--rounds", default=12, show_default=True)
def main(rounds: int) -> None:
    results = Path(__file__).resolve().parent / "results"
    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):
        checkpoint, reference = full_model(Path())
        folded = export_model(checkpoint, "folded", ["onnx", "fp32"])
        unfolded = export_model(checkpoint, "unfolded", ["onnx", "fp32"], fold=False)
        models = [folded["fp32"], folded["onnx"], *unfolded.values(), _worst_case(folded["fp32"]), checkpoint]
        result = benchmark(models + ([reference] if reference else []), rounds=rounds, images=2, progress=bar)
    text = "\n".join(["python bench/export_speed.py", benchmark_table(result), "", *_ratios(result)]) + "\n"
    (results / "export_speed.txt").write_text(text)
    click.echo(text, nl=False)


def _worst_case(ir: Path) -> Path:
    """The IR with a score threshold that every anchor passes."""
    model, path = read_model(ir), ir.with_name("every-anchor-passes.xml")
    (nms,) = (node for node in model.get_ops() if node.get_type_name() == "NonMaxSuppression")
    nms.input(4).replace_source_output(ops.constant(np.float32(-1)).output(0))
    save_model(model, path, compress_to_fp16=False)
    return path


def _ratios(result: Benchmark) -> list[str]:
    folded, *others = result.speeds
    lines = []
    for other in others:
        ratios = folded.speed_up_over(other)
        figures = ", ".join(f"{ratio:.3f}x by {name}" for name, ratio in ratios.items())
        target = _TARGETS.get(other.opened.path)
        lines.append(f"folded IR against {other.opened.path}: {figures}" + (f" (target: {target})" if target else ""))
    return lines


if __name__ == "__main__":
    main()
