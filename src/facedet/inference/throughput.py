"""Images per second of IRs, measured in turns, so that all see the same load on the machine."""

import math
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov

from facedet.common.progress import Progress, silent
from facedet.inference.openvino_device import hints
from facedet.weights.ir.graph import compile_model, read_model


def throughput(
    models: Mapping[str, tuple[Path, str]],
    progress: Progress = silent,
    *,
    rounds: int = 5,
    seconds: float = 0.5,
    device: str = "CPU",
) -> dict[str, float]:
    """Images per second of each IR, the median of several rounds in which every IR runs once.

    models: by name, the .xml and the precision, as for `open_session`. Batch 1, with as many images in flight as
    OpenVINO chooses.
    seconds: how long each model runs in each round, at least.
    """
    queues = {name: _queue(*model, device) for name, model in models.items()}
    counts = {name: _count(queue, seconds) for name, queue in queues.items()}
    rates: dict[str, list[float]] = {name: [] for name in models}
    for _ in progress(range(rounds), "speed"):
        for name, queue in queues.items():
            rates[name].append(counts[name] / _seconds(queue, counts[name]))
    return {name: statistics.median(of_model) for name, of_model in rates.items()}


def _queue(path: Path, precision: str, device: str) -> Any:
    chosen = hints(precision, device) | {"PERFORMANCE_HINT": "THROUGHPUT"}
    return ov.AsyncInferQueue(compile_model(read_model(path), path, chosen, device))


def _count(queue: Any, seconds: float) -> int:
    """How many images to run in a round: enough to take this long, and a multiple of those in flight."""
    _seconds(queue, len(queue))  # the first run of each request allocates its memory
    return len(queue) * math.ceil(seconds / _seconds(queue, len(queue)))


def _seconds(queue: Any, count: int) -> float:
    size = queue[0].get_input_tensor().shape[2]
    image = np.random.default_rng(0).uniform(0, 255, (1, 3, size, size)).astype(np.float32)
    started = time.perf_counter()
    for _ in range(count):
        queue.start_async({0: image})
    queue.wait_all()
    return time.perf_counter() - started
