"""Annotation files that were changed at random are read as they say, or something is said: never neither."""

import json
import os
import subprocess
import sys
from pathlib import Path

from helpers.attack import Counts

from facedet.common.errors import UserError

SAMPLES = 10_000
_BATCH, _SECONDS = 250, 120  # samples of a process, and how long they may take: minutes less than a hang
TESTS = Path(__file__).parents[1]


def test_changed_annotations(share: float, counts: Counts, tmp_path: Path) -> None:
    wanted, next_sample = round(SAMPLES * share), 0
    while next_sample < wanted:
        ended, why = _attack(next_sample, min(_BATCH, wanted - next_sample), tmp_path / "stderr")
        for _, name, end in ended:
            with counts.sample(name):
                if end == "refused":
                    raise UserError("refused")
                assert end == "clean", end
        next_sample += len(ended)
        if why:
            counts.faults.append(f"sample {next_sample}: {why}")
            next_sample += 1
    assert counts.clean >= wanted / 2  # most samples are datasets still


def _attack(first: int, count: int, errors: Path) -> tuple[list[list], str]:
    """How samples ended, and why their process did before the last one of them."""
    command = [sys.executable, "-m", "helpers.annotation_attack", str(first), str(count)]
    path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    why = ""
    with errors.open("w") as stderr:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=os.environ | {"PYTHONPATH": path}
        )
        try:
            printed, _ = process.communicate(timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            printed, _ = process.communicate()
            why = f"no answer in {_SECONDS} s"
    ended = [json.loads(line) for line in printed.splitlines() if line.endswith("]")]
    if len(ended) < count and not why:
        why = f"exit code {process.returncode}: {errors.read_text()[-300:]}"
    return ended, why
