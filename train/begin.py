"""How a training run begins: its config with the caller's settings, its datasets, its network and weights."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.runner import set_random_seed

from facedet.core.common.errors import UserError
from facedet.core.data.dataset import DatasetSource
from facedet.core.detector.config import config_name, network_to_json
from facedet.core.detector.model import build_detector
from facedet.core.train.average import WeightAverage
from facedet.core.train.checkpoints import read_last
from facedet.core.train.dataset import FaceDataset
from facedet.core.train.device import bfloat16_is_fast, prepare
from facedet.core.train.distributed import world
from facedet.core.train.schedule import scale_learning_rate, set_epochs, set_fewest_steps
from facedet.core.weights.checkpoint import load_weights
from facedet.core.weights.initial import Initial, initial_from, read_initial


@dataclass(frozen=True)
class Beginning:
    """A run before its first iteration.

    network: on its device. average: of its weights over the steps, or None. datasets: training, validation. content: of
    the checkpoint that it continues, or None. start: a phrase that says where the weights came from.
    """

    network: torch.nn.Module
    average: WeightAverage | None
    datasets: list[FaceDataset]
    content: dict[str, Any] | None
    start: str


def override(cfg: Config, **settings: Any) -> None:
    """Set what the caller gave, not None, in the config: seed, batch_size, accumulate, patience, freeze."""
    given = {name: value for name, value in settings.items() if value is not None}
    cfg.randomness = {"seed": 0, **cfg.get("randomness", {}), **({"seed": given["seed"]} if "seed" in given else {})}
    if "batch_size" in given:
        cfg.train_dataloader.batch_size = given["batch_size"]
    if "freeze" in given:
        cfg.model.backbone.frozen_stages = given["freeze"]
    cfg.train_cfg.update({name: given[name] for name in ("accumulate", "patience") if name in given})
    accumulate = cfg.train_cfg.get("accumulate", 1)
    if accumulate > 1:
        cfg.optim_wrapper.accumulative_counts = accumulate


def effective_batch(cfg: Config) -> int:
    """Images in a step of the optimizer. Raises UserError."""
    if cfg.train_dataloader.batch_size < 1:
        raise UserError(f"{cfg.filename}: train_dataloader.batch_size must be 1 or more")
    return cfg.train_dataloader.batch_size * world()[1] * cfg.train_cfg.get("accumulate", 1)


def choose_precision(cfg: Config, amp: str, device: str) -> str:
    """Set bfloat16 in the config where it is wanted: `on`, `off` or `auto`. Returns the precision's name."""
    if amp not in ("on", "off", "auto"):
        raise UserError(f"--amp {amp}: give on, off or auto")
    chosen = amp == "on" or (amp == "auto" and bfloat16_is_fast(device))
    if chosen and cfg.optim_wrapper.get("type", "OptimWrapper") == "OptimWrapper":
        cfg.optim_wrapper.type = "MixedPrecision"
    return "bfloat16" if chosen else "float32"


def begin(
    cfg: Config,
    sources: tuple[DatasetSource, DatasetSource],
    weights: str,
    resume_in: Path | None,
    allow_partial: bool,
    epochs: int | None,
    device: str,
) -> Beginning:
    """Read the datasets, fit the schedule to them, build the network and load its weights. Raises UserError.

    resume_in: the work dir of the run to continue, or None to start from `weights`. epochs: None takes the config's,
    and more if it wants more steps.
    """
    set_random_seed(cfg.randomness.seed)
    content, last = read_last(resume_in) if resume_in else (None, Path())
    initial = initial_from(content, str(last)) if content else read_initial(weights)
    if initial.config:  # its mean belongs to its weights: a half-precision IR stores a rounded one
        cfg.model.data_preprocessor = initial.config.model.data_preprocessor
    if initial.frozen_norms:
        cfg.model.backbone.norm_eval = True
    datasets = _datasets(cfg, sources)
    if epochs:
        set_epochs(cfg, epochs)
    else:
        set_fewest_steps(cfg, len(datasets[0]), effective_batch(cfg))
    scale_learning_rate(cfg, effective_batch(cfg))
    network = build_detector(cfg)
    if content:
        _check_resumable(last, content, cfg, initial)
        load_weights(network, content.get("trained", initial.state), str(last))
        start = f"iteration {content['meta']['iter']} of {last}"
    else:
        start = initial.load(network, allow_partial)
    network = prepare(network, device)
    decay = cfg.train_cfg.get("average")
    average = WeightAverage(network, decay) if decay else None
    if content and average:
        average.network.load_state_dict(content["state_dict"])
    return Beginning(network, average, datasets, content, start)


def _check_resumable(last: Path, content: dict[str, Any], cfg: Config, initial: Initial) -> None:
    """Check that last.pth continues with this config and these settings."""
    assert initial.config is not None
    if network_to_json(initial.config) != network_to_json(cfg):
        raise UserError(
            f"{last}: was trained with another config ({config_name(initial.config)}) than {config_name(cfg)} is now; "
            "resume with the same config"
        )
    meta, epochs, batch = content["meta"], cfg.train_cfg.max_epochs, effective_batch(cfg)
    planned = meta["max_epochs"]
    if "effective_batch" not in meta:
        raise UserError(f"{last}: an earlier version wrote it; start a new run with --weights {last}")
    if planned != epochs:
        raise UserError(f"{last}: was started for {planned} epochs, not {epochs}; give --epochs {planned}")
    if meta["effective_batch"] != batch:
        raise UserError(
            f"{last}: was started with {meta['effective_batch']} images per step, not {batch}; keep the product of "
            "--batch-size, --accumulate and the number of processes"
        )
    if meta["seed"] != cfg.randomness.seed:
        raise UserError(f"{last}: was started with seed {meta['seed']}; give --seed {meta['seed']}")
    if meta["epoch"] >= epochs and meta["validated"] >= epochs:
        raise UserError(f"{last}: all {epochs} epochs are complete; start a new run with --weights {last}")


def _datasets(cfg: Config, sources: tuple[DatasetSource, DatasetSource]) -> list[FaceDataset]:
    built = []
    for source, loader in zip(sources, (cfg.train_dataloader, cfg.val_dataloader), strict=True):
        loader.dataset.update({k: str(v) for k, v in asdict(source).items() if v is not None})
        settings = {k: v for k, v in loader.dataset.items() if k != "type"}
        try:
            built.append(FaceDataset(**settings, input_size=cfg.input_size))
        except TypeError as error:
            raise UserError(f"{cfg.filename}: unknown dataset setting ({error})") from error
    for source, dataset in zip(sources, built, strict=True):
        if dataset.faces.faces == 0:
            raise UserError(
                f"{source.path}: none of its {len(dataset.faces.photos)} images has a face that is not ignored"
            )
    return built
