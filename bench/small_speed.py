"""How fast is `small`? The published graph in float32 and `small` in every precision, compared in one run.

    python bench/small_speed.py [CHECKPOINT]

CHECKPOINT: a trained one of `small`; without it, random weights, which do not change the speed. INT8 is calibrated on
ten images. Batch 1, as many images at once as OpenVINO chooses, all cores; every round runs every file in turn;
medians. `python bench/layers.py --small` shows where the time goes. Writes bench/results/small_speed.txt.
"""

import os
import tempfile
from importlib.metadata import version
from pathlib import Path

import click
from full_model import full_model, random_model
from int8_speed import calibration_images

from facedet.common.machine import describe_machine
from facedet.export.export import export_model
from facedet.export.int8 import quantize
from facedet.inference.info import describe
from facedet.inference.throughput import throughput
from facedet.text.columns import columns


@click.command()
@click.argument("checkpoint", type=click.Path(exists=True, path_type=Path), required=False)
def main(checkpoint: Path | None) -> None:
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        full, reference = full_model(folder)
        published = reference or export_model(full, folder / "published", "fp32", fold=False)["fp32"]
        small = checkpoint or random_model("small", folder / "small.pth")
        fp32 = export_model(small, folder / "folded", "fp32")["fp32"]
        unfolded = export_model(small, folder / "unfolded", "fp32", fold=False)["fp32"]
        int8 = folder / "detector-int8.xml"
        quantize(fp32, calibration_images(folder), int8)
        models = {
            "published graph, f32": (published, "f32"),
            "small, not folded, f32": (unfolded, "f32"),
            "small, f32": (fp32, "f32"),
            "small, bf16": (fp32, "bf16"),
            "small, INT8, rest in f32": (int8, "f32"),
            "small, INT8, rest in bf16": (int8, "bf16"),
        }
        rates = throughput(models, rounds=9)
        gflops = {name: describe(path).gflops for name, (path, _) in models.items()}
    first = rates["published graph, f32"]
    rows = [("", "GFLOPs", "images/s", "speed-up", "GFLOP/s")]
    for name, rate in rates.items():
        cost = gflops[name]
        rows.append((name, f"{cost:.1f}", f"{rate:.2f}", f"{rate / first:.2f}x", f"{cost * rate:.0f}"))
    machine = f"{describe_machine()}, load before {load:.1f}"
    head = f"python bench/small_speed.py ({machine}; OpenVINO {version('openvino')}, NNCF {version('nncf')})"
    text = "\n".join([head, columns(rows, numbers=True)]) + "\n"
    (Path(__file__).parent / "results" / "small_speed.txt").write_text(text)
    click.echo(text, nl=False)


if __name__ == "__main__":
    main()
