"""Estimate a training run from its first steps: whether it starts, how long it takes, how much memory it needs."""

import time
from collections import defaultdict
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

import torch

from facedet.detector.model import quiet
from facedet.train.loop import train_step
from facedet.train.machine.distributed import gather, world
from facedet.train.machine.memory import peak_memory_mb
from facedet.train.run import Run
from facedet.train.samples.loaders import read_batches

_SECONDS = 4.0  # of timed steps, unless one step takes longer


@dataclass(frozen=True)
class DryRun:
    """What the first steps of a training run show.

    images: of an iteration, in all processes. iterations, validations: of the run, or of the rest of a resumed one.
    iteration_seconds: with the reading of the images. validation_seconds: of a whole validation. peak_memory_mb: of the
    GPU, or of the process on a CPU. left_out: images and boxes that cannot be used, and why.
    """

    images: int
    iterations: int
    validations: int
    iteration_seconds: float
    validation_seconds: float
    peak_memory_mb: int
    left_out: list[str]

    @property
    def seconds(self) -> float:
        """Estimated time of the run, without pauses for checkpoints."""
        return self.iterations * self.iteration_seconds + self.validations * self.validation_seconds


def measure(run: Run) -> DryRun:
    """Train and validate on the first batches. Changes the weights; writes nothing."""
    state = run.state
    with quiet():
        state.optimizer.initialize_count_status(state.network, 0, -1)  # as many iterations as are timed
    iterations, epochs = run.iterations - state.iteration, range(state.epoch + bool(state.iteration), run.epochs + 1)
    return DryRun(
        images=run.cfg.train_dataloader.batch_size * world()[1],
        iterations=iterations,
        validations=sum(run.is_validated(epoch) for epoch in epochs),
        iteration_seconds=_iteration_seconds(run),
        validation_seconds=_seconds_each(_validation(run), run.device, _SECONDS) * len(run.val_loader),
        peak_memory_mb=peak_memory_mb(run.device),
        left_out=[line for dataset in run.datasets for line in dataset.faces.skipped],
    )


def _iteration_seconds(run: Run) -> float:
    """Seconds of an iteration, mean over the sizes of the views that the rest of the run will use."""
    shares, progress = defaultdict[int, float](float), run.state.iteration / run.iterations
    for size, share in run.sampler.shares_of_sizes(progress).items():
        shares[size or run.cfg.input_size] += share
    seconds = 0.0
    for size, share in shares.items():
        run.sampler.sizes, run.sampler.full_size_from = [size], 1.0
        seconds += share * _seconds_each(_training(run), run.device, _SECONDS / len(shares))
    return seconds


def _training(run: Run) -> Generator[object, None, None]:
    """Training steps without end."""
    run.train_mode()
    while True:
        run.sampler.begin(min(run.state.epoch, run.epochs - 1), 0)
        with closing(read_batches(run.train_loader)) as batches:
            for batch in batches:
                yield train_step(run, batch)


def _validation(run: Run) -> Generator[object, None, None]:
    network = run.state.judged.eval()
    while True:
        with closing(read_batches(run.val_loader)) as batches:
            for batch in batches:
                with torch.no_grad():
                    yield network.val_step(batch)


def _seconds_each(steps: Generator[object, None, None], device: str, seconds: float) -> float:
    """Seconds of a step, averaged over as many as fit the given seconds. Closes the steps."""
    with closing(steps):
        _time(steps, 1, device)  # the first one also warms up
        one = max(gather(_time(steps, 1, device)))
        count = int(seconds / one)
        return max(gather(_time(steps, count, device))) / count if count else one


def _time(steps: Iterator[object], count: int, device: str) -> float:
    """Seconds for `count` steps."""
    started = time.monotonic()
    for _ in islice(steps, count):
        pass
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.monotonic() - started
