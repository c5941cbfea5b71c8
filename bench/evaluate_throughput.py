"""Does `evaluate` use the device fully? Its images per second compared with benchmark_app on the same IR.

    python bench/evaluate_throughput.py IR IMAGES [COPIES]

IMAGES: a folder of images. COPIES: how often each image is evaluated, to get a longer run.
"""

import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

from facedet.data.image import find_images
from facedet.inference.predict import predict
from facedet.inference.session import open_session

_SECONDS = 20


def benchmark_app(ir: Path) -> float:
    """Images per second of OpenVINO's own tool, in float32 like `evaluate`."""
    tool = Path(sys.executable).with_name("benchmark_app")
    options = ["-m", str(ir), "-d", "CPU", "-hint", "throughput", "-infer_precision", "f32", "-t", str(_SECONDS)]
    done = subprocess.run([tool, *options], capture_output=True, text=True, check=True)
    return float(re.search(r"Throughput:\s+([\d.]+) FPS", done.stdout)[1])  # type: ignore[index]


def main() -> None:
    ir, paths = Path(sys.argv[1]), find_images(Path(sys.argv[2])) * int((sys.argv[3:] or ["1"])[0])
    session = open_session(ir)
    ours, theirs = [], []
    for _ in range(3):  # alternately, so that both see the same load on the machine
        theirs.append(benchmark_app(ir))
        started = time.perf_counter()
        predict(session, paths)
        ours.append(len(paths) / (time.perf_counter() - started))
    a, b = statistics.median(theirs), statistics.median(ours)
    print(f"{ir.name}: benchmark_app {a:.2f} images/s, evaluate {b:.2f}: {100 * b / a:.0f} %")


if __name__ == "__main__":
    main()
