"""What the first steps of a training run tell about the whole run: does it start, how long, how much memory."""

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice, repeat
from typing import Any

import torch
from mmengine.runner import Runner

from facedet.train.machine.distributed import gather, world
from facedet.train.machine.memory import peak_memory_mb

_SECONDS = 4.0  # for which steps are timed, unless one takes longer


@dataclass(frozen=True)
class Trial:
    """A training run as far as its first steps show it.

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
        """What the run will take, without pauses for checkpoints."""
        return self.iterations * self.iteration_seconds + self.validations * self.validation_seconds


def measure(runner: Runner, device: str, done: dict[str, Any]) -> Trial:
    """Train and validate on the first batches. Changes the weights; writes nothing.

    done: `epoch` and `iter` that the run has behind it.
    """
    loop, datasets = runner.train_loop, (runner.train_dataloader.dataset, runner.val_dataloader.dataset)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    runner.build_param_scheduler(runner.param_schedulers)
    _ = runner.val_loop  # builds the evaluator
    runner.train_dataloader.sampler.begin(done["epoch"], 0)
    epochs = range(done["epoch"] + 1, loop.max_epochs + 1)
    return Trial(
        images=runner.train_dataloader.batch_size * world()[1],
        iterations=loop.max_iters - done["iter"],
        validations=sum(epoch % loop.val_interval == 0 or epoch == loop.max_epochs for epoch in epochs),
        iteration_seconds=_iteration_seconds(runner, device, done["iter"] / loop.max_iters),
        validation_seconds=_seconds_each(_validate(runner), device, _SECONDS) * len(runner.val_dataloader),
        peak_memory_mb=peak_memory_mb(device),
        left_out=[line for dataset in datasets for line in dataset.faces.skipped],
    )


def _iteration_seconds(runner: Runner, device: str, progress: float) -> float:
    """Seconds of an iteration, mean over the sizes of the views that the rest of the run will use."""
    sampler, shares = runner.train_dataloader.sampler, defaultdict[int, float](float)
    for size, share in sampler.shares_of_sizes(progress).items():
        shares[size or runner.cfg.input_size] += share
    seconds = 0.0
    for size, share in shares.items():
        sampler.sizes, sampler.full_size_from = [size], 1.0
        seconds += share * _seconds_each(_train(runner), device, _SECONDS / len(shares))
    return seconds


def _train(runner: Runner) -> Iterator[None]:
    runner.model.train()
    for batch in chain.from_iterable(repeat(runner.train_dataloader)):
        runner.model.train_step(batch, optim_wrapper=runner.optim_wrapper)
        yield runner.train_loop.follow_iteration()


def _validate(runner: Runner) -> Iterator[None]:
    network = runner.train_loop.average.network if runner.train_loop.average else runner.model
    network.eval()
    for batch in chain.from_iterable(repeat(runner.val_dataloader)):
        with torch.no_grad():
            yield network.val_step(batch)


def _seconds_each(steps: Iterator[None], device: str, seconds: float) -> float:
    _time(steps, 1, device)  # the first one also warms up
    one = max(gather(_time(steps, 1, device)))
    count = int(seconds / one)
    return max(gather(_time(steps, count, device))) / count if count else one


def _time(steps: Iterator[None], count: int, device: str) -> float:
    """Seconds for so many steps."""
    started = time.monotonic()
    for _ in islice(steps, count):
        pass
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.monotonic() - started
