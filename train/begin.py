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
from facedet.core.train.memory import checkpoint_gradients, fitting_batch_size
from facedet.core.train.schedule import scale_learning_rate, set_epochs, set_fewest_steps
from facedet.core.weights.checkpoint import load_weights
from facedet.core.weights.initial import Initial, initial_from, read_initial


@dataclass(frozen=True)
class Options:
    """What the caller of a training run may choose beside its config; None takes the config's value.

    epochs: exactly so many; otherwise the config's, and more if its `min_steps` need them. batch_size: images of a
    process in an iteration, or `auto` for what fits the GPU. accumulate: iterations in a step of the optimizer.
    patience: validations without a better AP after which training stops. freeze: stages of the backbone that are not
    trained, 0 to 4. allow_partial: load only the weights that fit. amp: `on`, `off` or `auto`. compile: with
    torch.compile. cache: folder that keeps decoded images. checkpoint_gradients: less memory, more time.
    """

    epochs: int | None = None
    batch_size: int | str | None = None
    accumulate: int | None = None
    seed: int | None = None
    patience: int | None = None
    freeze: int | None = None
    allow_partial: bool = False
    amp: str = "auto"
    compile: bool = False
    cache: Path | None = None
    checkpoint_gradients: bool = False


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


def override(cfg: Config, options: Options) -> None:
    """Set what the caller chose in the config."""
    cfg.randomness = {"seed": 0, **cfg.get("randomness", {})}
    if options.seed is not None:
        cfg.randomness.seed = options.seed
    if isinstance(options.batch_size, int):
        cfg.train_dataloader.batch_size = options.batch_size
    if options.cache:
        for loader in (cfg.train_dataloader, cfg.val_dataloader):
            loader.dataset.cache = str(options.cache)
    if options.freeze is not None:
        cfg.model.backbone.frozen_stages = options.freeze
    if options.patience is not None:
        cfg.train_cfg.patience = options.patience
    if options.accumulate is not None:
        cfg.train_cfg.accumulate = options.accumulate
    cfg.optim_wrapper.accumulative_counts = cfg.train_cfg.get("accumulate", 1)


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
    device: str,
    options: Options,
) -> Beginning:
    """Read the datasets, build the network, load its weights and fit the schedule to both. Raises UserError.

    resume_in: the work dir of the run to continue, or None to start from `weights`.
    """
    set_random_seed(cfg.randomness.seed)
    content, last = read_last(resume_in) if resume_in else (None, Path())
    initial = initial_from(content, str(last)) if content else read_initial(weights)
    if initial.config:  # its mean belongs to its weights: a half-precision IR stores a rounded one
        cfg.model.data_preprocessor = initial.config.model.data_preprocessor
    if initial.frozen_norms:
        cfg.model.backbone.norm_eval = True
    datasets = _datasets(cfg, sources)
    network = build_detector(cfg)
    if content:
        _check_network(last, initial, cfg)
        load_weights(network, content.get("trained", initial.state), str(last))
        start = f"iteration {content['meta']['iter']} of {last}"
    else:
        start = initial.load(network, options.allow_partial)
    network = prepare(network, device)
    if options.checkpoint_gradients:
        checkpoint_gradients(network)
    if options.batch_size == "auto":
        cfg.train_dataloader.batch_size = fitting_batch_size(cfg, network, datasets[0], device)
    _fit_schedule(cfg, len(datasets[0]), options.epochs)
    decay = cfg.train_cfg.get("average")
    average = WeightAverage(network, decay) if decay else None
    if content:
        _check_schedule(last, content["meta"], cfg)
        if average:
            average.network.load_state_dict(content["state_dict"])
    if options.compile:
        network.backbone.compile()
        network.neck.compile()
    return Beginning(network, average, datasets, content, start)


def _fit_schedule(cfg: Config, images: int, epochs: int | None) -> None:
    batch = effective_batch(cfg)
    if epochs:
        set_epochs(cfg, epochs)
    else:
        set_fewest_steps(cfg, images, batch)
    scale_learning_rate(cfg, batch)


def _check_network(last: Path, initial: Initial, cfg: Config) -> None:
    assert initial.config is not None
    if network_to_json(initial.config) != network_to_json(cfg):
        raise UserError(
            f"{last}: was trained with another config ({config_name(initial.config)}) than {config_name(cfg)} is now; "
            "resume with the same config"
        )


def _check_schedule(last: Path, meta: dict[str, Any], cfg: Config) -> None:
    epochs, batch = cfg.train_cfg.max_epochs, effective_batch(cfg)
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
