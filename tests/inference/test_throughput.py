"""Images per second of several IRs, measured in turns."""

from pathlib import Path

import pytest

from facedet.inference import throughput


def test_every_model_runs_in_every_round(exported: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[tuple[int, int]] = []
    seconds = throughput._seconds
    monkeypatch.setattr(
        throughput, "_seconds", lambda queue, count: runs.append((id(queue), count)) or seconds(queue, count)
    )
    models = {"a": (exported["fp32"], "f32"), "b": (exported["fp16"], "f32")}
    rates = throughput.throughput(models, rounds=3, seconds=0.01)
    assert rates.keys() == {"a", "b"}
    assert all(rate > 0 for rate in rates.values())
    (first, _), (second, _) = runs[-2:]
    assert [queue for queue, _ in runs[4:]] == [first, second] * 3  # after two runs of each to warm up
    assert all(count >= 1 for _, count in runs)
