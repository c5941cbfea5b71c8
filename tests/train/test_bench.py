"""The speed benchmark of training runs on a CPU at small size, so that it is right when a GPU comes."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_gpu_benchmark_runs_on_a_cpu(quick: Path, tmp_path: Path) -> None:
    options = [f"--config={quick}", "--size=64", "--batch-size=2", "--steps=2", "--rounds=1", "--device=cpu"]
    script = ROOT / "bench" / "gpu" / "train.py"
    subprocess.run([sys.executable, script, *options, "-o", tmp_path / "result.json"], check=True)
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["facedet_over_plain"] > 0
    assert 0 < result["facedet"]["mfu"] < 1
    assert result["plain"]["precision"] == "float32"
    assert result["plain-amp"]["precision"] == result["facedet"]["precision"]
