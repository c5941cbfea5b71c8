"""How much of the attack runs, and its counts."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from helpers.attack import Counts

SHARES = [
    pytest.param(0.01, id="hundredth"),
    pytest.param(0.1, id="tenth", marks=pytest.mark.full),
    pytest.param(1.0, id="whole", marks=pytest.mark.attack),
]


@pytest.fixture(params=SHARES)
def share(request: pytest.FixtureRequest) -> float:
    """The part of the attack to run: 0.01 in `make test`, 0.1 in `make test-full`, 1 in `make attack`."""
    return request.param


@pytest.fixture
def counts(request: pytest.FixtureRequest) -> Iterator[Counts]:
    """What becomes of the samples of this test. A fault fails the test when all samples were tried.

    With FACEDET_ATTACK_COUNTS, a folder, the counts are written into it (bench/attack.py).
    """
    kept = Counts()
    yield kept
    if folder := os.environ.get("FACEDET_ATTACK_COUNTS"):
        words = re.findall(r"\w+", request.node.name.removeprefix("test_"))  # with its other parameters
        name = "_".join(word for word in words if word != "whole")
        (Path(folder) / f"{name}.json").write_text(json.dumps(asdict(kept)))
    assert kept.clean + kept.refused + len(kept.faults) > 0
    assert not kept.faults, "\n".join(kept.faults[:20])
