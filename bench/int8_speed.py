"""How fast is INT8, and how similar? The published graph, the exported FP32 IR and its INT8 form, compared in one run.

    python bench/int8_speed.py

The full model, calibrated on ten images: photographs of ../shared/faces, or drawn ones. Batch 1, as many images at once
as OpenVINO chooses, all cores; every round runs every file in turn; medians. On ten other images, INT8 is compared with
FP32 as by `facedet parity`. Writes bench/results/int8_speed.txt.
"""

import os
import tempfile
from importlib.metadata import version
from pathlib import Path

from full_model import SHARED, full_model

from facedet.common.machine import describe_machine
from facedet.data.image import find_images
from facedet.data.synthetic import draw_dataset
from facedet.export.export import export_model
from facedet.export.int8 import quantize
from facedet.inference.throughput import throughput
from facedet.parity.check import check_parity
from facedet.parity.tolerances import ALIKE_IOU

_IMAGES = 10


def main() -> None:
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        checkpoint, reference = full_model(folder)
        fp32 = export_model(checkpoint, folder / "folded", "fp32")["fp32"]
        name = "published graph, f32" if reference else "unfolded, f32"
        reference = reference or export_model(checkpoint, folder / "unfolded", "fp32", fold=False)["fp32"]
        int8 = folder / "detector-int8.xml"
        quantize(fp32, calibration_images(folder), int8)
        models = {name: (reference, "f32"), "folded, f32": (fp32, "f32")}
        models |= {"folded, bf16": (fp32, "bf16")}
        models |= {"INT8, rest in f32": (int8, "f32"), "INT8, rest in bf16": (int8, "bf16")}
        rates = throughput(models)
        alike = _agreement(fp32, int8, _images(folder)[_IMAGES:], folder / "others")
    first = rates[name]
    lines = [f"{each:20} {rate:6.3f} images/s, {rate / first:.2f}x" for each, rate in rates.items()]
    machine = f"{describe_machine()}, load before {load:.1f}"
    text = "\n".join([f"{machine}; OpenVINO {version('openvino')}, NNCF {version('nncf')}", *lines, alike]) + "\n"
    (Path(__file__).parent / "results" / "int8_speed.txt").write_text(text)
    print(text, end="")


def _agreement(fp32: Path, int8: Path, images: list[Path], folder: Path) -> str:
    folder.mkdir()
    for path in images:
        (folder / path.name).symlink_to(path)
    (pair,) = check_parity([fp32, int8], folder).pairs
    difference = pair.difference
    alike = f"{difference.shown_alike} of {difference.shown} shown boxes on {len(images)} images"
    return f"INT8 against FP32: {alike} with IoU {ALIKE_IOU:g} and a score within {pair.tolerance.score:g}"


def calibration_images(folder: Path) -> list[Path]:
    """Ten images; `folder` is for drawn ones."""
    return _images(folder)[:_IMAGES]


def _images(folder: Path) -> list[Path]:
    photographs = SHARED / "faces" / "images"
    if not photographs.is_dir():
        if not (folder / "drawn").is_dir():
            draw_dataset(folder / "drawn", 2 * _IMAGES, seed=1, name="calibrate")
        photographs = folder / "drawn" / "images"
    return find_images(photographs)[: 2 * _IMAGES]


if __name__ == "__main__":
    main()
