"""How long commands take to start, compared with the imports that no detection can do without.

    .venv/bin/python bench/start.py

Writes bench/results/start.txt: seconds of wall clock and of CPU time, the least of several runs, and the ratio of the
CPU time, which depends little on the load, to that of `import numpy, cv2, openvino`.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from facedet.common.machine import describe_machine
from facedet.data.synthetic import draw_dataset
from facedet.detector.config import load_config, network_to_json
from facedet.detector.model import build_detector
from facedet.export.export import export_model
from facedet.weights.checkpoint import META_KEY
from facedet.weights.torch_file import write_torch_file

ROUNDS = 10
RESULT = Path(__file__).parent / "results" / "start.txt"


def commands(folder: Path) -> dict[str, list[str]]:
    """The measured command lines by what the table calls them, the one to compare with first."""
    config = load_config("tiny")
    state = build_detector(config).state_dict()
    write_torch_file({"meta": {META_KEY: network_to_json(config)}, "state_dict": state}, folder / "tiny.pth")
    ir = str(export_model(folder / "tiny.pth", folder, "fp32")["fp32"])
    draw_dataset(folder, 1, seed=0, name="photo")
    photo = str(next((folder / "images").iterdir()))
    facedet = [sys.executable, "-m", "facedet"]
    return {
        "import numpy, cv2, openvino": [sys.executable, "-c", "import numpy, cv2, openvino"],
        "facedet --help": [*facedet, "--help"],
        "facedet info m.xml": [*facedet, "info", ir],
        "facedet detect m.xml photo.png": [*facedet, "detect", ir, photo, "-o", str(folder / "found")],
        "facedet train tini": [*facedet, "train", "tini", "--train", photo],
    }


def seconds(command: list[str]) -> tuple[float, float]:
    """Wall clock and CPU time of one run; the command may refuse its arguments."""
    started, before = time.perf_counter(), _cpu_of_children()
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode in (0, 2), done.stderr.decode()
    return time.perf_counter() - started, _cpu_of_children() - before


def _cpu_of_children() -> float:
    used = os.times()
    return used.children_user + used.children_system


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        measured = commands(Path(scratch))
        load = os.getloadavg()[0]
        rounds = [{name: seconds(command) for name, command in measured.items()} for _ in range(ROUNDS)]
    wall, cpu = ({name: min(each[name][k] for each in rounds) for name in measured} for k in (0, 1))
    first, *_ = cpu.values()
    head = f"{describe_machine()}, load {load:.1f}, least of {ROUNDS} runs; m.xml is `tiny`, exported to FP32"
    lines = [head, "", f"{'':32} {'wall':>8} {'CPU':>8}  ratio"]
    lines += [f"{name:32} {wall[name]:6.2f} s {cpu[name]:6.2f} s {cpu[name] / first:5.2f}x" for name in measured]
    text = "\n".join(lines) + "\n"
    RESULT.write_text(text, encoding="utf-8")
    print(text, end="")


if __name__ == "__main__":
    main()
