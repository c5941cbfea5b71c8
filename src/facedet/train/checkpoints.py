"""Checkpoints of a training run: what they contain, and when they are written."""

import time
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mmengine
import torch
from torch import Tensor

from facedet.detector.config import network_to_json
from facedet.train.configure import effective_batch
from facedet.train.machine.distributed import is_first, wait
from facedet.train.record.metric import FaceAP
from facedet.train.run import Run
from facedet.train.stored_state import content_digest, deciding_settings, plain_values
from facedet.train.used_data import data_names
from facedet.weights.checkpoint import META_KEY
from facedet.weights.operating_point import OPERATING_POINT, OperatingPoint
from facedet.weights.torch_file import write_torch_file
from facedet.weights.training_record import DATA_LICENCES, DATA_NAMES, LINEAGE, RECIPE, VERSION

_SHARE = 1 / 20  # of the time that saving after epochs may take


class Checkpoints:
    """Writes best.pth after a validation with a higher AP. Writes last.pth then, every `save_every` minutes, when
    training ends or is stopped, and after each epoch unless its saving would take more than a twentieth of the time;
    previous.pth is the last.pth before. Only the first process writes.

    All are torch files that `weights_only=True` can load:

    - `state_dict`: the weights of the whole network; their average over the steps, if the run keeps one
    - `meta`: `facedet` (name, input size and network of the config, as JSON), `epoch` and `iter` (complete ones),
      `max_epochs` (of the schedule), `effective_batch` (images per step of the optimizer), `accumulate` (iterations in
      such a step), `validated` (the last validated epoch), `history` (`losses`, `scalars`, `metrics`, `unreadable`),
      `cfg` (the whole config as text), `seed`, `time`, `mmengine_version`, `dataset_meta`, `data` (fingerprints
      of the training and the validation dataset), `data_names` (theirs, without folders), `data_licences` (as
      their files state them), `settings` (those of the config that decide the result), `version` (of this project),
      `recipe` (empty for that of the config), `lineage` (what the run was started from, and before that); only in
      best.pth `AP` and `operating_point` (the threshold with the best F1 in that validation; none without a detected
      face)
    - `optimizer`, `param_schedulers`: not in best.pth
    - `digest`: of all the rest, see `stored_state.content_digest`; not in best.pth
    - `trained`: the weights of the last step, if `state_dict` is an average; not in best.pth
    """

    def __init__(self, run: Run, folder: Path):
        self.run, self.folder = run, folder
        self._saved, self._took = time.monotonic(), 0.0

    def are_due(self) -> bool:
        """Whether last.pth was written `save_every` minutes ago or earlier."""
        return time.monotonic() - self._saved >= self.run.options.save_every * 60

    def after_epoch(self) -> None:
        """Write last.pth if the run ends, if best.pth is new, so that both agree, or if enough time has passed."""
        state = self.run.state
        is_best = state.validated == state.epoch and state.history.is_best()
        passed = time.monotonic() - self._saved
        if self.run.is_over or is_best or self.are_due() or passed >= self._took / _SHARE:
            self.save_last()

    def save_best(self) -> None:
        """Write best.pth."""
        if is_first():
            content = self._content(self.run.state.judged)
            content["meta"]["AP"] = float(self.run.state.history.scores[-1])
            if point := self._point():
                content["meta"][OPERATING_POINT] = asdict(point)
            write_torch_file(content, self.folder / "best.pth")

    def _point(self) -> OperatingPoint | None:
        """The operating point of the last validation."""
        measured = (metric.point for metric in self.run.evaluator.metrics if isinstance(metric, FaceAP))
        point = next(measured, None)
        return replace(point, dataset=self.run.fingerprints[1]["digest"]) if point else None

    def save_last(self, *, wait_for_it: bool = False) -> None:
        """Write last.pth; the one before becomes previous.pth. wait_for_it: in all processes, because slurm and mpirun
        kill the first one when another exits with an error."""
        if is_first():
            self._write_last()
        if wait_for_it:
            wait()

    def _write_last(self) -> None:
        started, state = time.monotonic(), self.run.state
        content = self._content(state.judged)
        content["optimizer"] = on_cpu(state.optimizer.state_dict())
        content["param_schedulers"] = [plain_values(schedule.state_dict()) for schedule in state.schedules]
        if state.average:
            content["trained"] = on_cpu(state.network.state_dict())
        content["digest"] = content_digest(content)
        write_torch_file(content, self.folder / "last.pth", keep=self.folder / "previous.pth")
        self._saved = time.monotonic()
        self._took = self._saved - started

    def _content(self, network: torch.nn.Module) -> dict[str, Any]:
        run, state = self.run, self.run.state
        meta = {
            META_KEY: network_to_json(run.cfg),
            "cfg": run.config_text,
            "epoch": state.epoch,
            "iter": state.iteration,
            "max_epochs": run.epochs,
            "effective_batch": effective_batch(run.cfg),
            "accumulate": run.cfg.train_cfg.accumulate,
            "validated": state.validated,
            "history": state.history.state_dict(),
            "seed": run.cfg.randomness.seed,
            "time": time.strftime("%Y%m%d_%H%M%S"),
            "mmengine_version": mmengine.__version__,
            "dataset_meta": dict(run.datasets[0].metainfo),
            "data": run.fingerprints,
            DATA_NAMES: data_names(run.options),
            DATA_LICENCES: run.licences,
            "settings": deciding_settings(run.cfg),
            VERSION: version("face-detection-0206"),
            RECIPE: run.options.recipe or "",
            LINEAGE: [asdict(each) for each in run.lineage],
        }
        return {"state_dict": on_cpu(network.state_dict()), "meta": meta}


def on_cpu(node: Any) -> Any:
    """A part of a state in plain dicts and lists, with its tensors on the CPU: any machine can load it."""
    if isinstance(node, Tensor):
        return node.cpu()
    if isinstance(node, dict):
        return {name: on_cpu(value) for name, value in node.items()}
    return type(node)(map(on_cpu, node)) if isinstance(node, list | tuple) else node
