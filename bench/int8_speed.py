"""How fast is INT8? Images/s of a reference IR, an exported FP32 IR and its INT8 form, in one run.

    python bench/int8_speed.py REFERENCE_IR FP32_IR IMAGES

IMAGES: a folder of images to calibrate on; ten are used. Batch 1, as many images at once as OpenVINO chooses, all
cores; every round runs every file in turn; medians. Writes bench/results/int8_speed.txt.
"""

import os
import platform
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from facedet.core.data.image import find_images
from facedet.core.export.quantize import quantize
from facedet.core.inference.throughput import throughput

_IMAGES = 10


def main() -> None:
    reference, fp32, images = map(Path, sys.argv[1:4])
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as scratch:
        int8 = Path(scratch) / "detector-int8.xml"
        quantize(fp32, find_images(images)[:_IMAGES], int8)
        models = {
            "reference, f32": (reference, "f32"),
            "exported, f32": (fp32, "f32"),
            "exported, bf16": (fp32, "bf16"),
        }
        models |= {"INT8, rest in f32": (int8, "f32"), "INT8, rest in bf16": (int8, "bf16")}
        rates = throughput(models)
    first = rates["reference, f32"]
    lines = [f"{name:20} {rate:6.3f} images/s, {rate / first:.2f}x" for name, rate in rates.items()]
    machine = f"{_processor()}, {os.cpu_count()} CPUs, load before {load:.1f}"
    text = "\n".join([f"{machine}; OpenVINO {version('openvino')}, NNCF {version('nncf')}", *lines]) + "\n"
    (Path(__file__).parent / "results" / "int8_speed.txt").write_text(text)
    print(text, end="")


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()
