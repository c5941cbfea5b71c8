"""Hooks of mmengine's Runner: progress bar, history, checkpoints."""

import math
import sys
import time
from pathlib import Path
from typing import Any

from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from tqdm import tqdm

from facedet.core.common.errors import UserError
from facedet.core.common.files import write_beside
from facedet.core.detector.config import network_to_json
from facedet.core.weights.checkpoint import META_KEY, read_torch_file


@HOOKS.register_module()
class Progress(Hook):
    """Progress bar of the whole training run: epoch, loss, learning rate, images per second, AP, time left."""

    def before_train(self, runner: Any) -> None:
        seconds = 1 if sys.stderr.isatty() else 30  # fewer lines in a log file than in a terminal
        self.bar = tqdm(total=runner.max_iters, initial=runner.iter, desc="train", unit="it", mininterval=seconds)
        self.images, self.started, self.ap = 0, time.monotonic(), ""

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        self.images += len(data_batch["inputs"])
        rate = self.images / (time.monotonic() - self.started)
        lr = runner.optim_wrapper.get_lr()["lr"][0]
        self.bar.set_postfix_str(
            f"epoch {runner.epoch + 1}/{runner.max_epochs}, loss {outputs['loss'].item():.3f}, lr {lr:.1e}, "
            f"{rate:.1f} img/s{self.ap}",
            refresh=False,
        )
        self.bar.update()

    def after_val_epoch(self, runner: Any, metrics: dict | None = None) -> None:
        self.ap = f", AP {(metrics or {}).get('AP', 0):.3f}"

    def after_train(self, runner: Any) -> None:
        self.bar.close()


@HOOKS.register_module()
class History(Hook):
    """Records the loss of each iteration, the metrics of each validation and the unreadable images, which it logs once.

    It stops training if the loss is not finite. Checkpoints contain the lists in `meta["history"]`, so a resumed run
    continues them.
    """

    _LISTS = ("losses", "metrics", "unreadable")

    def __init__(self) -> None:
        self.losses: list[tuple[float, float]] = []  # epoch (fraction), loss
        self.metrics: list[tuple[int, dict[str, float]]] = []  # epoch, AP and so on
        self.unreadable: list[str] = []
        self.images, self.seconds = 0, 0.0  # of the training steps only, not stored

    def before_train_epoch(self, runner: Any) -> None:
        self._last = time.monotonic()

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        loss = outputs["loss"].item()
        if not math.isfinite(loss):
            raise UserError(f"the loss is {loss} at iteration {runner.iter + 1}; lower the learning rate in the config")
        now = time.monotonic()
        self.seconds, self._last = self.seconds + now - self._last, now
        self.images += len(data_batch["inputs"])
        self.losses.append(((runner.iter + 1) / len(runner.train_dataloader), loss))
        self._note_unreadable(runner, data_batch)

    def after_val_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        self._note_unreadable(runner, data_batch)

    def after_val_epoch(self, runner: Any, metrics: dict | None = None) -> None:
        self.metrics.append((runner.epoch, dict(metrics or {})))

    def before_save_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        checkpoint["meta"]["history"] = {name: list(getattr(self, name)) for name in self._LISTS}

    def after_load_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        for name, values in checkpoint["meta"].get("history", {}).items():
            getattr(self, name).extend(values)

    def _note_unreadable(self, runner: Any, data_batch: Any) -> None:
        for sample in data_batch["data_samples"]:
            for line in sample.metainfo["unreadable"]:
                if line not in self.unreadable:
                    self.unreadable.append(line)
                    runner.logger.warning(f"left out: {line}")


@HOOKS.register_module()
class Checkpoints(Hook):
    """Writes last.pth after every training epoch and every validation, and best.pth when the validation AP is higher.

    Both are torch files that `weights_only=True` can load:

    - `state_dict`: the weights of the whole network
    - `meta`: `facedet` (name, input size and network of the config, as JSON), `epoch` and `iter` (complete ones),
      `max_epochs` (of the schedule), `history` (`losses`, `metrics`, `unreadable`), `AP` (only in best.pth); and from
      mmengine `cfg` (the whole config as text), `seed`, `experiment_name`, `time`, `mmengine_version`, `dataset_meta`
    - `optimizer`, `param_schedulers`: only in last.pth, which is complete for resuming
    - `message_hub`: empty; mmengine expects it
    """

    priority = "VERY_LOW"

    def __init__(self) -> None:
        self.best_score = -1.0

    def before_train(self, runner: Any) -> None:
        best = Path(runner.work_dir) / "best.pth"
        if runner.iter > 0 and best.is_file():
            self.best_score = float(read_torch_file(best)["meta"].get("AP", -1.0))

    def after_train_epoch(self, runner: Any) -> None:
        self._save(runner, "last.pth", {}, resumable=True)

    def after_val_epoch(self, runner: Any, metrics: dict | None = None) -> None:
        position = {"epoch": runner.epoch, "iter": runner.iter}
        self._save(runner, "last.pth", position, resumable=True)  # again, with this validation in its history
        score = float((metrics or {}).get("AP", 0.0))
        if score > self.best_score:
            self.best_score = score
            self._save(runner, "best.pth", {"AP": score, **position}, resumable=False)

    def before_save_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        # the message hub contains objects that weights_only refuses; it is used only to smooth logged values
        checkpoint["message_hub"] = {"log_scalars": {}, "runtime_info": {}, "resumed_keys": {}}
        checkpoint["meta"][META_KEY] = network_to_json(runner.cfg)
        checkpoint["meta"]["max_epochs"] = runner.max_epochs

    def _save(self, runner: Any, name: str, meta: dict, resumable: bool) -> None:
        folder = Path(runner.work_dir)
        try:
            with write_beside(folder / name) as temporary:
                runner.save_checkpoint(
                    str(folder), temporary.name, meta=meta, save_optimizer=resumable, save_param_scheduler=resumable
                )
        except RuntimeError as error:  # torch raises this if the disk is full
            raise UserError(f"{folder / name}: cannot be written ({error})") from error
