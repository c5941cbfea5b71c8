"""Checkpoints of a training run: what they contain, when they are written, how a run continues from them."""

import time
from pathlib import Path
from typing import Any

import mmengine
import torch
from mmengine.hooks import Hook

from facedet.common.errors import UserError
from facedet.detector.config import network_to_json
from facedet.train.hooks import History
from facedet.train.loop import TrainLoop, unwrapped
from facedet.train.machine.distributed import is_first, wait
from facedet.weights.checkpoint import META_KEY, read_torch_file, write_torch_file

_SHARE = 1 / 20  # of the time that saving after epochs may take


class Checkpoints(Hook):
    """Writes best.pth after a validation with a higher AP; last.pth then, every `minutes`, when training ends or is
    stopped, and after each epoch unless its saving would take more than a twentieth of the time; previous.pth is the
    last.pth before. Only the first process writes.

    All are torch files that `weights_only=True` can load:

    - `state_dict`: the weights of the whole network; their average over the steps, if the run keeps one
    - `meta`: `facedet` (name, input size and network of the config, as JSON), `epoch` and `iter` (complete ones),
      `max_epochs` (of the schedule), `effective_batch` (images per step of the optimizer), `accumulate` (iterations in
      such a step), `validated` (the last validated epoch), `history` (`losses`, `scalars`, `metrics`, `unreadable`),
      `cfg` (the whole config as text), `seed`, `time`, `mmengine_version`, `dataset_meta`, `AP` (only in best.pth)
    - `optimizer`, `param_schedulers`: not in best.pth
    - `trained`: the weights of the last step, if `state_dict` is an average; not in best.pth
    """

    priority = "VERY_LOW"

    def __init__(self, history: History, folder: Path, minutes: float):
        self.history, self.folder, self.seconds = history, folder, minutes * 60

    def before_train(self, runner: Any) -> None:
        self._saved, self._took = time.monotonic(), 0.0
        self._config = runner.cfg.pretty_text  # which takes long to format

    def after_val_epoch(self, runner: Any, metrics: dict | None = None) -> None:
        if is_first() and self.history.is_best():
            content = self._content(runner, unwrapped(runner.model))
            content["meta"]["AP"] = float((metrics or {}).get("AP", 0.0))
            write_torch_file(content, self.folder / "best.pth")

    def after_step(self, runner: Any) -> None:
        due = time.monotonic() - self._saved >= self.seconds
        if due and runner.optim_wrapper.should_update() and not self.history.pending:
            self.save_last(runner)

    def after_round(self, runner: Any) -> None:
        loop = runner.train_loop
        ends = loop.stop_training or loop.epoch == loop.max_epochs
        is_best = loop.validated_epoch == loop.epoch and self.history.is_best()  # last.pth knows of best.pth
        if ends or is_best or time.monotonic() - self._saved >= min(self.seconds, self._took / _SHARE):
            self.save_last(runner)

    def before_stop(self, runner: Any) -> None:
        self.save_last(runner)
        wait()  # slurm and mpirun kill the first process when another one ends with an exit code

    def save_last(self, runner: Any) -> None:
        """Write last.pth; the one before becomes previous.pth."""
        if not is_first():
            return
        started = time.monotonic()
        network, average = unwrapped(runner.model), runner.train_loop.average
        content = self._content(runner, average.network if average else network)
        content["optimizer"] = runner.optim_wrapper.state_dict()
        content["param_schedulers"] = [scheduler.state_dict() for scheduler in runner.param_schedulers]
        if average:
            content["trained"] = network.state_dict()
        write_torch_file(content, self.folder / "last.pth", keep=self.folder / "previous.pth")
        self._saved = time.monotonic()
        self._took = self._saved - started

    def _content(self, runner: Any, network: torch.nn.Module) -> dict[str, Any]:
        loop = runner.train_loop
        meta = {
            META_KEY: network_to_json(runner.cfg),
            "cfg": self._config,
            "epoch": loop.epoch,
            "iter": loop.iter,
            "max_epochs": loop.max_epochs,
            "effective_batch": loop.effective_batch,
            "accumulate": loop.accumulate,
            "validated": loop.validated_epoch,
            "history": self.history.state_dict(),
            "seed": runner.seed,
            "time": time.strftime("%Y%m%d_%H%M%S"),
            "mmengine_version": mmengine.__version__,
            "dataset_meta": dict(runner.train_dataloader.dataset.metainfo),
        }
        return {"state_dict": {k: v.cpu() for k, v in network.state_dict().items()}, "meta": meta}


def read_last(folder: Path) -> tuple[dict[str, Any], Path]:
    """The checkpoint from which a run in this work dir continues: last.pth, or previous.pth if that is damaged.

    Returns its content and its path. Raises UserError.
    """
    last, previous = folder / "last.pth", folder / "previous.pth"
    if not last.is_file() and not previous.is_file():
        raise UserError(f"{folder}: contains no last.pth to resume from")
    try:
        return read_torch_file(last), last
    except UserError as error:
        if not previous.is_file():
            raise
        if is_first():
            print(f"{error}; continuing from {previous}", flush=True)
        return read_torch_file(previous), previous


def restore(content: dict[str, Any], runner: Any, history: History) -> None:
    """Continue a runner, whose network has the weights, from the content of last.pth; leaves only its `meta`."""
    loop: TrainLoop = runner.train_loop
    meta = content["meta"]
    if meta["iter"] // len(loop.dataloader) != meta["epoch"]:
        raise UserError("last.pth: its epochs have another length; resume with the same datasets and weights of them")
    loop._epoch, loop._iter, loop.validated_epoch = meta["epoch"], meta["iter"], meta["validated"]
    runner.optim_wrapper.load_state_dict(content["optimizer"])
    runner.optim_wrapper.initialize_count_status(runner.model, loop.iter, loop.max_iters)
    for scheduler, state in zip(runner.param_schedulers, content["param_schedulers"], strict=True):
        scheduler.load_state_dict(state)
    history.load_state_dict(meta["history"])
    for tensors in content.keys() - {"meta"}:
        del content[tensors]
