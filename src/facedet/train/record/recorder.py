"""Records a training run as it proceeds: losses, metrics, unreadable images, the progress bar, files for people."""

import logging
import math
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from facedet.common.errors import UserError
from facedet.data.losses import too_many
from facedet.train.machine.distributed import gather, is_first, total, world
from facedet.train.machine.memory import peak_memory_mb
from facedet.train.machine.stop import Stopped, StopRequest
from facedet.train.record.csv_tables import write_tables
from facedet.train.record.log import RunLog
from facedet.train.record.pictures import Pictures
from facedet.train.record.progress import ProgressBar
from facedet.train.run import Run

_READ_LOSSES_EVERY = {"cpu": 1, "cuda": 10}  # iterations: each read synchronizes with the GPU
_LOG_EVERY = 10  # iterations


class _Pending(NamedTuple):
    """An iteration whose losses are still on the device."""

    iteration: int
    lr: float
    losses: dict[str, Tensor]
    grad_norm: Tensor | None
    images: list[str]


class Recorder:
    """Records a run: its `History`, the log, the bar, the tables, the pictures. Closes the files at the end of a block.

    Losses stay on the device for some iterations, to avoid host-device synchronization. When they are read, the
    processes also exchange their signals and unreadable images. pending: the iterations that are not read yet.
    images, seconds: of the training iterations since the start or resume. read_every: iterations.
    """

    def __init__(self, run: Run, folder: Path, stop: StopRequest, read_every: int | None = None):
        self.run, self.folder, self.stop = run, folder, stop
        self.read_every = read_every or _READ_LOSSES_EVERY[run.device.partition(":")[0]]
        self.pending: list[_Pending] = []
        self.images, self.seconds = 0, 0.0
        self.pictures, self.bar = Pictures(run, folder), ProgressBar(run)
        self.log = RunLog(run, folder, run.options.loggers)
        self._readable = sum(len(dataset.faces.photos) for dataset in run.datasets)
        self._met: list[str] = []  # unreadable images that the other processes do not know of yet
        self._norm: Tensor | None = None  # of the gradients, in the last iteration that was read
        self._last = time.monotonic()
        self._waited = 0.0  # seconds for batches
        self._logged = run.state.iteration, 0.0, 0.0  # iteration, seconds and seconds for batches at the last log line
        for line in (line for dataset in run.datasets for line in dataset.faces.skipped):
            self.log.line(f"left out: {line}", logging.WARNING)

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.bar.close()
        with suppress(*([UserError] if error else [])):  # what fails here does not take the place of the error
            if isinstance(error, Stopped):
                self.log.line(str(error))
            elif error is not None:
                self._record_failure(error)
        with suppress(*([UserError] if error else [])):
            self.log.close()

    def _record_failure(self, error: BaseException) -> None:
        """Complete the log and the tables."""
        with suppress(UserError):
            self.log.failure(error)
        with suppress(Exception):
            if self.pending and world()[1] == 1:  # with other processes, they would have to read theirs too
                self.read_losses()
        with suppress(UserError):
            if is_first():
                write_tables(self.run.state.history, self.folder)

    def timed(self, batches: Iterator[dict]) -> Iterator[dict]:
        """The batches of an epoch, or of the rest of it; measures the time that training waits for them."""
        self._last = began = time.monotonic()
        for batch in batches:
            self._waited += time.monotonic() - began
            yield batch
            began = time.monotonic()

    def iteration(self, batch: dict[str, Any], losses: dict[str, Tensor]) -> None:
        """Record an iteration, before the learning rate changes. Raises UserError if training must stop."""
        state, optimizer = self.run.state, self.run.state.optimizer
        rate, epoch = learning_rate(optimizer), state.epoch + 1
        images = [str(sample.photo.path) for sample in batch["data_samples"]]
        norm = getattr(optimizer, "grad_norm", None)
        self.pending.append(_Pending(state.iteration, rate, dict(losses), norm, images))
        self._note_unreadable(batch)
        if len(self.pending) >= self.read_every or state.iteration % self.run.epoch_length == 0:
            self.read_losses()
        elif world()[1] == 1:  # no other process to agree with
            self.stop.agree([self.stop.signal_number])
        self.pictures.views(batch)
        self.bar.iteration(epoch, rate, self.images / self.seconds if self.seconds else 0.0)

    def read_losses(self) -> None:
        """Read the pending losses, averaged over the processes: the only point where training waits for a GPU."""
        if not self.pending:
            return
        pending, self.pending = self.pending, []
        names = list(pending[0].losses)
        local = torch.stack([torch.stack([step.losses[n].detach().float() for n in names]) for step in pending])
        images = local.new_tensor([sum(len(step.images) for step in pending)])
        reduced = total(torch.cat([local.flatten(), images])).cpu()
        rows = (reduced[:-1] / world()[1]).reshape(local.shape).tolist()
        now = time.monotonic()
        self.images, self.seconds, self._last = self.images + int(reduced[-1]), self.seconds + now - self._last, now
        for step, row in zip(pending, rows, strict=True):
            self._keep(step, dict(zip(names, row, strict=True)))
        self._agree()

    def _keep(self, step: _Pending, values: dict[str, float]) -> None:
        history = self.run.state.history
        history.losses.append((step.iteration / self.run.epoch_length, values["loss"]))
        for name, value in {"lr": step.lr, **values}.items():
            if name != "loss":
                history.scalars.setdefault(name, []).append(value)
        if not all(map(math.isfinite, values.values())):
            self._refuse_losses(step, values)
        self._norm = step.grad_norm
        if step.iteration % _LOG_EVERY == 0 or step.iteration == self.run.iterations:
            self._log_losses(step.iteration)

    def _log_losses(self, iteration: int) -> None:
        """Log the means of the iterations since the last line. time, data_time: seconds each; memory: the peak, MiB."""
        history, (logged, seconds, waited) = self.run.state.history, self._logged
        count = iteration - logged
        columns = {"loss": [loss for _, loss in history.losses[-count:]]}
        columns |= {name: values[-count:] for name, values in history.scalars.items()}
        means = {name: sum(values) / len(values) for name, values in columns.items()}
        means |= {"time": (self.seconds - seconds) / count, "data_time": (self._waited - waited) / count}
        means["memory"] = peak_memory_mb(self.run.device)
        self._logged = iteration, self.seconds, self._waited
        self.log.scalars(means, iteration)
        text = ", ".join(f"{name} {value:.4g}" for name, value in means.items())
        self.log.line(f"iteration {iteration} of {self.run.iterations}: {text}")

    def _refuse_losses(self, step: _Pending, values: dict[str, float]) -> None:
        broken = [name for name, value in values.items() if not math.isfinite(value)]
        parts = [name for name in broken if name != "loss"] or broken
        others = ", ".join(f"{name} {value:.4g}" for name, value in values.items() if name not in broken)
        own_are_finite = all(bool(torch.isfinite(step.losses[name])) for name in broken)
        images = [name for names in gather([] if own_are_finite else step.images) for name in names]
        epoch = (step.iteration - 1) // self.run.epoch_length + 1
        norm = "unknown" if self._norm is None else f"{float(self._norm):.3g}"
        raise UserError(
            f"{parts[0]} is {values[parts[0]]} at iteration {step.iteration}, in epoch {epoch} "
            f"({others or 'so are all parts'}; learning rate {step.lr:.3g}, gradient norm {norm} in the step "
            f"before); lower the learning rate in the config, or check the images of the batch: {', '.join(images)}"
        )

    def validation_batch(self, batch: dict[str, Any]) -> None:
        """Record a validation batch. Raises UserError if too many images cannot be read."""
        self._note_unreadable(batch)
        self._agree()

    def validation(self, metrics: dict[str, float]) -> None:
        """Record the metrics of the last epoch's validation."""
        state = self.run.state
        state.history.metrics.append((state.epoch, dict(metrics)))
        self.bar.validation(metrics)
        self.log.scalars(metrics, state.epoch)
        self.log.line(f"epoch {state.epoch}: {', '.join(f'{name} {value:.4f}' for name, value in metrics.items())}")
        if state.history.is_best():
            self.pictures.best_and_worst()

    def epoch(self) -> None:
        """Write the tables after an epoch and its validation."""
        if is_first():
            write_tables(self.run.state.history, self.folder)

    def _note_unreadable(self, batch: dict[str, Any]) -> None:
        self._met += [line for sample in batch["data_samples"] for line in sample.metainfo["unreadable"]]

    def _agree(self) -> None:
        """Exchange the signals and the unreadable images of all processes."""
        unreadable = self.run.state.history.unreadable
        signals, met = zip(*gather((self.stop.signal_number, self._met)), strict=True)
        self._met = []
        self.stop.agree(signals)
        new = [line for line in dict.fromkeys(chain(*met)) if line not in unreadable]
        for line in new:
            self.log.line(f"left out: {line}", logging.WARNING)
        unreadable += new
        if too_many(len(unreadable), self._readable):
            raise UserError(
                f"{len(unreadable)} of {self._readable} images cannot be read, more than 1 % "
                f"(first: {unreadable[0]}); repair or remove them"
            )


def learning_rate(optimizer: Any) -> float:
    """The learning rate of an mmengine OptimWrapper, without the factors that the config gives to some layers."""
    rates = optimizer.get_lr()
    return float(rates.get("base_lr", rates["lr"])[0])
