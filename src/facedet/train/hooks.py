"""Hooks of mmengine's Runner: what a run records, and its progress bar."""

import math
import sys
import time
from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

import torch
from mmdet.registry import HOOKS
from mmengine.hooks import Hook, RuntimeInfoHook
from torch import Tensor
from tqdm import tqdm

from facedet.common.errors import UserError
from facedet.train.machine.distributed import gather, is_first, total, world
from facedet.train.machine.memory import peak_memory_mb

_MAX_UNREADABLE = 0.01  # share of the images


class _Pending(NamedTuple):
    """An iteration whose losses are still on the device."""

    iteration: int
    lr: float
    losses: dict[str, Tensor]
    images: list[str]


def too_many(unreadable: Sequence[str], images: int) -> bool:
    """Whether so many of a number of images cannot be used that training stops: more than one, and more than 1 %."""
    return len(unreadable) > max(1, _MAX_UNREADABLE * images)


def learning_rate(runner: Any) -> float:
    """The learning rate of the running step, without the factors that the config gives to some layers."""
    rates = runner.optim_wrapper.get_lr()
    return float(rates.get("base_lr", rates["lr"])[0])


class History(Hook):
    """Records the losses of each iteration, the metrics of each validation and the unreadable images.

    The losses of `interval` iterations are read from the device, and averaged over the processes, at once. It stops
    training if a loss is not finite, or if more than 1 % (and more than one) of the images cannot be read. Checkpoints
    contain what it recorded in `meta["history"]`, so a resumed run continues it.
    """

    def __init__(self, interval: int, readable: int):
        """readable: number of images of the run."""
        self.losses: list[tuple[float, float]] = []  # epoch (fraction), loss
        self.scalars: dict[str, list[float]] = {}  # of each iteration: learning rate, parts of the loss
        self.metrics: list[tuple[int, dict[str, float]]] = []  # epoch, AP and so on
        self.unreadable: list[str] = []
        self.images, self.seconds = 0, 0.0  # of the training iterations since the start or resume
        self.peak_memory_mb = 0  # of the training iterations
        self.interval, self.readable = interval, readable
        self.pending: list[_Pending] = []
        self._met: list[str] = []  # unreadable images that the other processes do not know of yet

    def state_dict(self) -> dict[str, Any]:
        losses = torch.tensor(self.losses, dtype=torch.float64).reshape(-1, 2)
        scalars = {name: torch.tensor(values, dtype=torch.float64) for name, values in self.scalars.items()}
        return {
            "losses": losses,
            "scalars": scalars,
            "metrics": list(self.metrics),
            "unreadable": list(self.unreadable),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.losses = [(epoch, loss) for epoch, loss in torch.as_tensor(state["losses"]).tolist()]
        self.scalars = {name: values.tolist() for name, values in state["scalars"].items()}
        self.metrics, self.unreadable = list(state["metrics"]), list(state["unreadable"])

    @property
    def scores(self) -> list[float]:
        """AP of each validation."""
        return [metrics.get("AP", 0.0) for _, metrics in self.metrics]

    def is_best(self) -> bool:
        """Whether the last validation has a higher AP than all before it."""
        return self.scores[-1] > max(self.scores[:-1], default=-1.0)

    def before_train_epoch(self, runner: Any) -> None:
        self._last = time.monotonic()

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        names = [str(sample.photo.path) for sample in data_batch["data_samples"]]
        self.pending.append(_Pending(runner.iter + 1, learning_rate(runner), dict(outputs), names))
        self._note_unreadable(data_batch)
        if len(self.pending) >= self.interval or batch_idx + 1 == len(runner.train_dataloader):
            self._read_losses(runner)
            self._agree(runner)
        elif world()[1] == 1:  # with nobody to agree with
            runner.train_loop.stop.agreed = runner.train_loop.stop.signal_number

    def _read_losses(self, runner: Any) -> None:
        """Read the pending losses from the device: the only point at which training waits for it."""
        device = self.pending[0].losses["loss"].device
        self.peak_memory_mb = max(self.peak_memory_mb, peak_memory_mb(str(device)))  # mmengine resets it
        names = list(self.pending[0].losses)
        local = torch.stack([torch.stack([step.losses[n].detach().float() for n in names]) for step in self.pending])
        images = local.new_tensor([sum(len(step.images) for step in self.pending)])
        reduced = total(torch.cat([local.flatten(), images])).cpu()
        rows = (reduced[:-1] / world()[1]).reshape(local.shape).tolist()
        now = time.monotonic()
        self.images, self.seconds, self._last = self.images + int(reduced[-1]), self.seconds + now - self._last, now
        for step, row in zip(self.pending, rows, strict=True):
            values = dict(zip(names, row, strict=True))
            if not math.isfinite(values["loss"]):
                self._refuse_loss(step, values["loss"])
            for name, value in values.items():
                runner.message_hub.update_scalar(f"train/{name}", value)
            self.losses.append((step.iteration / len(runner.train_dataloader), values.pop("loss")))
            for name, value in {"lr": step.lr, **values}.items():
                self.scalars.setdefault(name, []).append(value)
        self.pending.clear()

    @staticmethod
    def _refuse_loss(step: _Pending, loss: float) -> None:
        finite = bool(torch.isfinite(step.losses["loss"]))
        names = [name for names in gather([] if finite else step.images) for name in names]
        raise UserError(
            f"the loss is {loss} at iteration {step.iteration}; lower the learning rate in the config, or check the "
            f"images of its batch: {', '.join(names)}"
        )

    def before_stop(self, runner: Any) -> None:
        if self.pending:
            self._read_losses(runner)
            self._agree(runner)

    def after_val_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        self._note_unreadable(data_batch)
        self._agree(runner)
        runner.train_loop.stop_if_requested()

    def after_val_epoch(self, runner: Any, metrics: dict | None = None) -> None:
        self.metrics.append((runner.epoch, dict(metrics or {})))

    def _note_unreadable(self, data_batch: Any) -> None:
        self._met += [line for sample in data_batch["data_samples"] for line in sample.metainfo["unreadable"]]

    def _agree(self, runner: Any) -> None:
        """Let all processes know the signals and the unreadable images of each."""
        stop = runner.train_loop.stop
        signals, met = zip(*gather((stop.signal_number, self._met)), strict=True)
        stop.agreed, self._met = max(signals), []
        new = [line for line in dict.fromkeys(chain(*met)) if line not in self.unreadable]
        for line in new:
            runner.logger.warning(f"left out: {line}")
        self.unreadable += new
        if too_many(self.unreadable, self.readable):
            raise UserError(
                f"{len(self.unreadable)} of {self.readable} images cannot be read, more than 1 % "
                f"(first: {self.unreadable[0]}); repair or remove them"
            )


class Progress(Hook):
    """Progress bar of the whole training run: epoch, loss, learning rate, images per second, AP, time left."""

    def __init__(self, history: History):
        self.history, self.ap = history, ""

    def before_train(self, runner: Any) -> None:
        seconds = 1 if sys.stderr.isatty() else 30  # fewer lines in a log file than in a terminal
        self.bar = tqdm(
            total=runner.max_iters,
            initial=runner.iter,
            desc="train",
            unit="it",
            mininterval=seconds,
            disable=not is_first(),
        )

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        history = self.history
        loss = f"loss {history.losses[-1][1]:.3f}, " if history.losses else ""
        rate = history.images / history.seconds if history.seconds else 0.0
        progress = f"epoch {runner.epoch + 1}/{runner.max_epochs}, {loss}lr {learning_rate(runner):.1e}"
        text = f"{progress}, {rate:.1f} img/s{self.ap}"
        self.bar.set_postfix_str(text, refresh=False)
        self.bar.update()

    def after_val_epoch(self, runner: Any, metrics: dict | None = None) -> None:
        self.ap = f", AP {(metrics or {}).get('AP', 0):.3f}"

    def after_train(self, runner: Any) -> None:
        self.bar.close()


class Patience(Hook):
    """Stops training when this number of validations in a row had no better AP."""

    priority = "LOW"

    def __init__(self, history: History, validations: int):
        self.history, self.validations = history, validations

    def before_train(self, runner: Any) -> None:
        self.after_round(runner)  # a run that ended does not go on when it is resumed

    def after_round(self, runner: Any) -> None:
        scores = self.history.scores
        if scores and len(scores) - 1 - scores.index(max(scores)) >= self.validations:
            runner.train_loop.stop_training = True


@HOOKS.register_module()
class Position(RuntimeInfoHook):
    """mmengine's hook without its reading of the losses in each iteration, for which a GPU would have to wait."""

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        pass
