"""Facts about a process: its peak memory is its own, not that of the process that started it."""

import subprocess
import sys

PEAKS = """
from facedet.core.common.machine import peak_memory_mb
print(peak_memory_mb())
used = b"x" * 2**28
print(peak_memory_mb())
"""


def test_the_peak_begins_small_and_grows_with_memory() -> None:
    own = b"x" * 2**28  # this process is large, whichever tests ran before
    done = subprocess.run([sys.executable, "-c", PEAKS], capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert before < len(own) / 2**20 - 50
    assert after >= before + 200
