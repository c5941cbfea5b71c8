"""The benchmarks for a GPU run on a CPU at small size, so that they are right when a GPU comes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.full
ROOT = Path(__file__).parents[2]


def test_the_speed_benchmark_runs_on_a_cpu(quick: Path, tmp_path: Path) -> None:
    options = [f"--config={quick}", "--size=64", "--batch-size=2", "--steps=2", "--rounds=1", "--device=cpu"]
    script = ROOT / "bench" / "gpu" / "train.py"
    subprocess.run([sys.executable, script, *options, "-o", tmp_path / "result.json"], check=True)
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["facedet_over_plain"] > 0
    assert 0 < result["facedet"]["mfu"] < 1
    assert result["plain"]["precision"] == "float32"
    assert result["plain-amp"]["precision"] == result["facedet"]["precision"]


def test_the_fine_tune_runs_on_a_cpu_and_without_openvino(drawn: Path, quick: Path, tmp_path: Path) -> None:
    """The machine with the GPU may lack OpenVINO."""
    lists = []
    for which, numbers in (("train", range(8)), ("val", range(8, 12))):
        (tmp_path / which).write_text("\n".join(f"train-{k:03}" for k in numbers))
        lists.append(f"--{which}-list={tmp_path / which}")
    options = [f"--config={quick}", "--weights=random", "--epochs=2", "--batch-size=4", "--device=cpu"]
    arguments = ["finetune.py", str(drawn / "train.json"), *lists, *options, f"--output={tmp_path / 'out'}"]
    script = ROOT / "bench" / "gpu" / "finetune.py"
    code = (
        f"import runpy, sys; sys.argv = {arguments}; sys.modules['openvino'] = None\n"
        f"runpy.run_path({str(script)!r}, run_name='__main__')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    result = json.loads((tmp_path / "out" / "finetune.json").read_text())
    assert result["iterations"] == 4
    assert [row["epoch"] for row in result["validations"]] == [1, 2]
    assert [pair["kind"] for pair in result["parity"]] == ["ONNX"]
    assert (tmp_path / "out" / "training-curve.png").stat().st_size > 10_000
