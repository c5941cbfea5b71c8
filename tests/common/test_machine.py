"""Facts about a process: its peak memory is its own, not that of the process that started it."""

import subprocess
import sys

import pytest

from facedet.common import machine

PEAKS = """
from facedet.common.machine import peak_memory_mb
print(peak_memory_mb())
used = b"x" * 2**28
print(peak_memory_mb())
"""


def test_a_container_with_a_share_of_the_cores_counts_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "usable_cores", lambda: frozenset(range(64)))
    for text, expected in (("400000 100000", 4.0), ("max 100000", 64), ("", 64)):
        monkeypatch.setattr(machine, "_lines", lambda path, text=text: [text] if text else [])
        assert machine.core_count() == expected


def test_the_peak_begins_small_and_grows_with_memory() -> None:
    own = b"x" * 2**28  # this process is large, whichever tests ran before
    done = subprocess.run([sys.executable, "-c", PEAKS], capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert before < len(own) / 2**20 - 50
    assert after >= before + 200
