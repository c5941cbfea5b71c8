"""A benchmark starts with its folder first on Python's path: no library must take one of them for a package."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "bench"
IMPORTS = """
import sys
sys.path.insert(0, sys.argv[1])
import facedet.cli, facedet.evaluation.gated_quantization, facedet.export.export, facedet.parity.check
import facedet.train.register
print(*(name for name, each in sys.modules.items() if (getattr(each, "__file__", "") or "").startswith(sys.argv[1])))
"""


@pytest.mark.full
def test_no_benchmark_hides_a_package() -> None:
    found = subprocess.run([sys.executable, "-c", IMPORTS, str(BENCH)], capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (0, "\n"), found.stderr
