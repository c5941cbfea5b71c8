"""Hooks of mmengine's Runner: what a run records, and its progress bar."""

import math
import sys
import time
from typing import Any, NamedTuple

import torch
from mmdet.registry import HOOKS
from mmengine.hooks import Hook, RuntimeInfoHook
from torch import Tensor
from tqdm import tqdm

from facedet.core.common.errors import UserError
from facedet.core.train.distributed import gather, is_first, total, world

_MAX_UNREADABLE = 0.01  # share of the images


class _Pending(NamedTuple):
    """An iteration whose losses are still on the device."""

    iteration: int
    losses: dict[str, Tensor]
    images: list[str]


class History(Hook):
    """Records the losses of each iteration, the metrics of each validation and the unreadable images.

    The losses of `interval` iterations are read from the device, and averaged over the processes, at once. It stops
    training if a loss is not finite, or if more than 1 % (and more than one) of the images cannot be read. Checkpoints
    contain what it recorded in `meta["history"]`, so a resumed run continues it.
    """

    def __init__(self, interval: int, readable: int):
        """readable: number of images of the run."""
        self.losses: list[tuple[float, float]] = []  # epoch (fraction), loss
        self.metrics: list[tuple[int, dict[str, float]]] = []  # epoch, AP and so on
        self.unreadable: list[str] = []
        self.images, self.seconds = 0, 0.0  # of the training iterations since the start or resume
        self.interval, self.readable = interval, readable
        self.pending: list[_Pending] = []

    def state_dict(self) -> dict[str, Any]:
        losses = torch.tensor(self.losses, dtype=torch.float64).reshape(-1, 2)
        return {"losses": losses, "metrics": list(self.metrics), "unreadable": list(self.unreadable)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.losses = [(epoch, loss) for epoch, loss in torch.as_tensor(state["losses"]).tolist()]
        self.metrics, self.unreadable = list(state["metrics"]), list(state["unreadable"])

    def is_best(self) -> bool:
        """Whether the last validation has a higher AP than all before it."""
        scores = [metrics.get("AP", 0.0) for _, metrics in self.metrics]
        return scores[-1] > max(scores[:-1], default=-1.0)

    def before_train_epoch(self, runner: Any) -> None:
        self._last = time.monotonic()

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        names = [str(sample.photo.path) for sample in data_batch["data_samples"]]
        self.pending.append(_Pending(runner.iter + 1, dict(outputs), names))
        self._note_unreadable(runner, data_batch)
        if len(self.pending) >= self.interval or batch_idx + 1 == len(runner.train_dataloader):
            self._read_losses(runner)

    def _read_losses(self, runner: Any) -> None:
        """Read the pending losses from the device: the only point at which training waits for it."""
        names = list(self.pending[0].losses)
        local = torch.stack([torch.stack([step.losses[n].detach().float() for n in names]) for step in self.pending])
        stop = runner.train_loop.stop
        extra = local.new_tensor([sum(len(step.images) for step in self.pending), stop.signal_number])
        reduced = total(torch.cat([local.flatten(), extra])).cpu()
        rows, (images, signals) = (reduced[:-2] / world()[1]).reshape(local.shape).tolist(), reduced[-2:].tolist()
        now = time.monotonic()
        self.images, self.seconds, self._last = self.images + int(images), self.seconds + now - self._last, now
        stop.agreed = int(signals / world()[1]) or int(signals > 0)
        for step, row in zip(self.pending, rows, strict=True):
            values = dict(zip(names, row, strict=True))
            if not math.isfinite(values["loss"]):
                self._refuse_loss(step, values["loss"])
            self.losses.append((step.iteration / len(runner.train_dataloader), values["loss"]))
            for name, value in values.items():
                runner.message_hub.update_scalar(f"train/{name}", value)
        self.pending.clear()

    @staticmethod
    def _refuse_loss(step: _Pending, loss: float) -> None:
        finite = bool(torch.isfinite(step.losses["loss"]))
        names = [name for names in gather([] if finite else step.images) for name in names]
        raise UserError(
            f"the loss is {loss} at iteration {step.iteration}; lower the learning rate in the config, or check the "
            f"images of its batch: {', '.join(names)}"
        )

    def after_val_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        self._note_unreadable(runner, data_batch)
        if world()[1] == 1:  # several processes stop together, after the validation
            runner.train_loop.stop.agreed = runner.train_loop.stop.signal_number
            runner.train_loop.stop_if_requested()

    def after_train_epoch(self, runner: Any) -> None:
        self.unreadable = list(dict.fromkeys(line for lines in gather(self.unreadable) for line in lines))
        self._refuse_unreadable()

    def after_val_epoch(self, runner: Any, metrics: dict | None = None) -> None:
        self.metrics.append((runner.epoch, dict(metrics or {})))

    def _note_unreadable(self, runner: Any, data_batch: Any) -> None:
        new = [line for sample in data_batch["data_samples"] for line in sample.metainfo["unreadable"]]
        for line in dict.fromkeys(new):
            if line not in self.unreadable:
                self.unreadable.append(line)
                runner.logger.warning(f"left out: {line}")
        if new and world()[1] == 1:
            self._refuse_unreadable()

    def _refuse_unreadable(self) -> None:
        if len(self.unreadable) > max(1, _MAX_UNREADABLE * self.readable):
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
        lr = runner.optim_wrapper.get_lr()["lr"][0]
        text = f"epoch {runner.epoch + 1}/{runner.max_epochs}, {loss}lr {lr:.1e}, {rate:.1f} img/s{self.ap}"
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

    def after_round(self, runner: Any) -> None:
        scores = [metrics.get("AP", 0.0) for _, metrics in self.history.metrics]
        if scores and len(scores) - 1 - scores.index(max(scores)) >= self.validations:
            runner.train_loop.stop_training = True


@HOOKS.register_module()
class Position(RuntimeInfoHook):
    """mmengine's hook without its reading of the losses in each iteration, for which a GPU would have to wait."""

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        pass
