"""Compare the speed of models.

Each model runs in its own process, so that its memory can be measured. Every round measures each model once, in a
changing order, so that all of them see the same load on the machine.
"""

import os
import signal
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from facedet.common.errors import UserError
from facedet.common.machine import describe_machine, peak_memory_mb, thread_count
from facedet.common.progress import Progress, silent
from facedet.inference.runtime import Runtime
from facedet.inference.session import Session, check_model, session_loader

ROUNDS = 20
IMAGES = max(4, 2 * thread_count())  # the same number for every core
_RUNTIMES = ("openvino", "onnxruntime", "torch")


@dataclass(frozen=True)
class Opened:
    """A model that was opened.

    runtime: what it computes on. open_seconds: to load and compile it, without importing its runtime. memory_mb: how
    much the peak memory of its process grew, including one run.
    """

    path: str
    kind: str
    runtime: Runtime
    open_seconds: float
    memory_mb: int


@dataclass(frozen=True)
class Speed:
    """A model's speed, a value for each round.

    latency_ms: time of one image. cpu_ms: CPU time of one image, of all threads together; it depends little on the load
    of the machine. images_per_second: of many images, with as many in flight as the runtime chooses.
    """

    opened: Opened
    latency_ms: list[float]
    cpu_ms: list[float]
    images_per_second: list[float]

    def speed_up_over(self, other: "Speed") -> dict[str, float]:
        """For every figure, the median over the rounds of the ratio in each round."""
        return {
            "latency_ms": _median_ratio(other.latency_ms, self.latency_ms),
            "cpu_ms": _median_ratio(other.cpu_ms, self.cpu_ms),
            "images_per_second": _median_ratio(self.images_per_second, other.images_per_second),
        }


@dataclass(frozen=True)
class Benchmark:
    """Speeds of models, measured together. orders: the positions in `speeds` of the models of each round, in turn.

    images: in one measurement of images per second. load: average load of the machine before and after.
    """

    machine: str
    versions: dict[str, str]
    load: tuple[float, float]
    images: int
    orders: list[list[int]]
    speeds: list[Speed]

    def as_dict(self) -> dict[str, Any]:
        """All values for JSON, including those of each round."""
        return {**asdict(self), "speeds": [self._speed_as_dict(speed) for speed in self.speeds]}

    def _speed_as_dict(self, speed: Speed) -> dict[str, Any]:
        figures: dict[str, Any] = {}
        for name, ratio in speed.speed_up_over(self.speeds[0]).items():
            values = getattr(speed, name)
            summary = zip(("min", "median", "max"), spread(values), strict=True)
            figures[name] = {**dict(summary), "times_as_fast_as_first": ratio, "rounds": values}
        return {**asdict(speed.opened), **figures}


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Minimum, median and maximum."""
    return min(values), statistics.median(values), max(values)


def benchmark(
    models: Sequence[Path],
    precisions: Sequence[str] = (),
    rounds: int = ROUNDS,
    images: int = IMAGES,
    progress: Progress = silent,
    config: str | Path | None = None,
    device: str | None = None,
) -> Benchmark:
    """Measure checkpoints, ONNX files and IRs, each IR in each of the precisions. Raises UserError.

    precisions, device: see `open_session`. images: in one measurement of images per second. config: of the
    checkpoints, see `load_network`.
    """
    chosen: Sequence[str | None] = precisions or [None]
    runs = [(path, p) for path in models for p in (chosen if path.suffix == ".xml" else chosen[:1])]
    if not runs:
        raise UserError("give one or more models to measure")
    for path, precision in runs:
        check_model(path, precision, config, device)
    load, orders = os.getloadavg()[0], list(_orders(len(runs), rounds))
    with ExitStack() as stack:
        processes = [stack.enter_context(_process()) for _ in runs]
        opened = [
            _call(process, _open, *run, config, device, images)
            for process, run in zip(processes, progress(runs, "open"), strict=True)
        ]
        measured: list[list[tuple[float, ...]]] = [[] for _ in runs]
        for order in progress(orders, "benchmark"):
            for k in order:
                measured[k].append(_call(processes[k], _measure, runs[k][0], images))
    speeds = [Speed(o, *map(list, zip(*values, strict=True))) for o, values in zip(opened, measured, strict=True)]
    versions = {name: version(name) for name in _RUNTIMES if find_spec(name)}
    return Benchmark(describe_machine(), versions, (load, os.getloadavg()[0]), images, orders, speeds)


def _median_ratio(above: list[float], below: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def _orders(count: int, rounds: int) -> Iterator[list[int]]:
    """In `count` rounds, each model takes each position once; then the same in reverse."""
    for k in range(rounds):
        first = k % count
        order = [*range(first, count), *range(first)]
        yield order[::-1] if k // count % 2 else order


def _process() -> ProcessPoolExecutor:
    # a fork would share memory with its parent; Ctrl-C is for the parent alone
    ignore = (signal.SIGINT, signal.SIG_IGN)
    return ProcessPoolExecutor(1, get_context("spawn"), initializer=signal.signal, initargs=ignore)


def _call(process: ProcessPoolExecutor, function: Any, *arguments: Any) -> Any:
    try:
        return process.submit(function, *arguments).result()
    except BrokenProcessPool as error:
        raise UserError(f"{arguments[0]}: its process was killed, probably out of memory") from error


_session: Session  # in the process of a model


def _open(path: Path, precision: str | None, config: str | Path | None, device: str | None, images: int) -> Opened:
    global _session
    load = session_loader(path, precision, config, device=device)
    before, started = peak_memory_mb(), time.perf_counter()
    _session = load()
    seconds = time.perf_counter() - started
    _session.run(_image())
    memory = peak_memory_mb() - before
    _measure(path, images)  # the first call prepares for many images
    return Opened(str(path), _session.kind, _session.runtime, seconds, memory)


def _measure(path: Path, images: int) -> tuple[float, float, float]:
    """Milliseconds and CPU milliseconds of one image, and images per second of many."""
    image, begun = _image(), []

    def feed() -> Iterator[np.ndarray]:
        begun.append(time.perf_counter())  # at the first image: the model is ready
        yield from [image] * images

    started, cpu_started = time.perf_counter(), time.process_time()
    _session.run(image)
    latency, cpu = time.perf_counter() - started, time.process_time() - cpu_started
    count = sum(1 for _ in _session.run_many(feed()))
    return 1000 * latency, 1000 * cpu, count / (time.perf_counter() - begun[0])


def _image() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (1, 3, *_session.size)).astype(np.float32)
