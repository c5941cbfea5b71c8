"""Continue a run from last.pth."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from facedet.common.errors import UserError
from facedet.data.fingerprint import difference, fingerprint
from facedet.detector.config import config_name, network_to_json
from facedet.detector.model import quiet
from facedet.train.configure import effective_batch
from facedet.train.machine.distributed import is_first
from facedet.train.run import State
from facedet.train.samples.dataset import FaceDataset
from facedet.train.stored_state import damage, deciding_settings, first_difference
from facedet.weights.initial import Initial
from facedet.weights.torch_file import read_torch_file


def read_last(folder: Path) -> tuple[dict[str, Any], Path]:
    """The checkpoint from which a run in this work dir continues: last.pth, or previous.pth if that is damaged.

    Returns its content and its path. Raises UserError.
    """
    last, previous = folder / "last.pth", folder / "previous.pth"
    if not last.is_file() and not previous.is_file():
        raise UserError(f"{folder}: contains no last.pth to resume from")
    try:
        return _read_undamaged(last), last
    except UserError as error:
        if not previous.is_file():
            raise
        if is_first():
            print(f"{error}; continuing from {previous}", flush=True)
        return _read_undamaged(previous), previous


def _read_undamaged(path: Path) -> dict[str, Any]:
    content = read_torch_file(path)
    if reason := damage(content):
        raise UserError(f"{path}: {reason}; start a new run")
    return content


def restore(state: State, content: dict[str, Any], last: Path, epoch_length: int, iterations: int) -> None:
    """Set a state, whose network has its weights, to the content of last.pth. Raises UserError; then nothing is set.

    epoch_length, iterations: iterations of an epoch and of the whole run.
    """
    meta, optimizer = content["meta"], state.optimizer
    if meta["iter"] // epoch_length != meta["epoch"] or meta["iter"] > iterations:
        raise UserError(f"{last}: its epochs have another length; resume with the same datasets and their weights")
    if part := first_difference(content, state):
        raise UserError(f"{last}: is of another run: {part}; resume with the same config and options")
    state.epoch, state.iteration, state.validated = meta["epoch"], meta["iter"], meta["validated"]
    if state.average:
        state.average.network.load_state_dict(content["state_dict"])
    optimizer.load_state_dict(content["optimizer"])
    with quiet():
        optimizer.initialize_count_status(state.network, state.iteration, iterations)
    for schedule, saved in zip(state.schedules, content["param_schedulers"], strict=True):
        schedule.load_state_dict(saved)
    state.history.load_state_dict(meta["history"])


def check_data(last: Path, meta: dict[str, Any], datasets: Sequence[FaceDataset], allowed: bool) -> None:
    """Raise UserError if a run would continue on other data than it was started with, unless that is allowed.

    datasets: for training and for validation.
    """
    for name, before, dataset in zip(("training", "validation"), meta.get("data", ()), datasets, strict=False):
        changed = difference(before, fingerprint(dataset.faces.photos))
        if changed and not allowed:
            raise UserError(
                f"{last}: the {name} data has changed since the start: it {changed}; resume with the same data, or go "
                "on with this one: --allow-changed-data"
            )


def check_network(last: Path, initial: Initial, cfg: Config) -> None:
    """Raise UserError if last.pth holds another network than the config describes."""
    assert initial.config is not None
    if network_to_json(initial.config) != network_to_json(cfg):
        raise UserError(
            f"{last}: was trained with another config ({config_name(initial.config)}) than {config_name(cfg)}; "
            "resume with the same config"
        )


def check_schedule(last: Path, meta: dict[str, Any], cfg: Config) -> None:
    """Raise UserError if a run with this `meta` cannot continue by the schedule of the config, or is complete."""
    epochs, batch = cfg.train_cfg.max_epochs, effective_batch(cfg)
    planned = meta["max_epochs"]
    if planned != epochs:
        raise UserError(f"{last}: was started for {planned} epochs, not {epochs}; give --epochs {planned}")
    if meta["accumulate"] != cfg.train_cfg.accumulate:
        raise UserError(f"{last}: was started with other steps; give --accumulate {meta['accumulate']}")
    if meta["effective_batch"] != batch:
        raise UserError(
            f"{last}: was started with {meta['effective_batch']} images per step, not {batch}; keep the product of "
            "--batch-size, --accumulate and the number of processes"
        )
    if meta["seed"] != cfg.randomness.seed:
        raise UserError(f"{last}: was started with seed {meta['seed']}; give --seed {meta['seed']}")
    for name, value in deciding_settings(cfg).items():
        if meta["settings"].get(name) != value:
            raise UserError(f"{last}: was started with another {name} in the config; resume with the same config")
    complete = meta["epoch"] >= epochs and meta["validated"] >= epochs
    if complete and (last.parent / "training.html").is_file():  # without it, the run was killed before its end
        raise UserError(f"{last}: all {epochs} epochs are complete; start a new run with --weights {last}")
