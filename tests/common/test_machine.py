"""Facts about a process: its peak memory is its own, not that of the process that started it."""

import math
import subprocess
import sys

import pytest

from facedet.common import machine
from facedet.common.cgroup import Limits
from facedet.common.parallel import map_ahead

PEAKS = """
from facedet.common.machine import peak_memory_mb
print(peak_memory_mb())
used = b"x" * 2**28
print(peak_memory_mb())
"""


def test_a_container_with_a_share_of_the_cores_starts_few_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "usable_cores", lambda: frozenset(range(64)))
    for allowed, expected in ((0.5, 1), (2.5, 3), (math.inf, 64)):
        monkeypatch.setattr(machine, "limits", lambda allowed=allowed: Limits(allowed, 2**30))
        assert machine.thread_count() == expected
        taken: list[int] = []
        next(map_ahead(lambda k: k, (taken.append(k) or k for k in range(1000))))  # type: ignore[func-returns-value]
        assert len(taken) == 2 * expected + 1
    assert machine.memory() == 2**30


def test_the_peak_begins_small_and_grows_with_memory() -> None:
    own = b"x" * 2**28  # this process is large, whichever tests ran before
    done = subprocess.run([sys.executable, "-c", PEAKS], capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert before < len(own) / 2**20 - 50
    assert after >= before + 200
