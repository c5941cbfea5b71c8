"""How a training run begins: its config with the caller's settings, its datasets, its network and weights."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.runner import set_random_seed

from facedet.common.errors import UserError
from facedet.data.dataset import DatasetSource
from facedet.detector.config import config_name, network_to_json
from facedet.detector.model import build_detector
from facedet.train.average import WeightAverage
from facedet.train.checkpoints import read_last
from facedet.train.hooks import too_many
from facedet.train.machine.device import prepare
from facedet.train.machine.distributed import gather, is_first, synchronize_norms
from facedet.train.machine.memory import checkpoint_gradients, fitting_batch_size
from facedet.train.options import Options, choose_precision, choose_workers, effective_batch
from facedet.train.samples.dataset import FaceDataset
from facedet.train.samples.validation_set import warnings_about
from facedet.train.schedule import scale_learning_rate, set_accumulation, set_epochs, set_fewest_steps
from facedet.weights.checkpoint import load_weights
from facedet.weights.initial import Initial, initial_from, read_initial


@dataclass(frozen=True)
class Beginning:
    """A run before its first iteration.

    cfg: with the caller's settings, and fitted to the datasets. device: for example `cuda:0`. precision: `float32` or
    `bfloat16`. network: on its device. average: of its weights over the steps, or None. datasets: training, validation.
    content: of the checkpoint that it continues, or None. start: a phrase that says where the weights came from.
    warnings: what makes the validation results mislead.
    """

    cfg: Config
    options: Options
    device: str
    precision: str
    network: torch.nn.Module
    average: WeightAverage | None
    datasets: list[FaceDataset]
    content: dict[str, Any] | None
    start: str
    warnings: list[str]


def begin(
    cfg: Config,
    sources: tuple[list[DatasetSource], DatasetSource],
    weights: str,
    resume_in: Path | None,
    device: str,
    options: Options,
) -> Beginning:
    """Read the datasets, build the network, load its weights and fit the schedule to both. Raises UserError.

    sources: of training, at least one, and of validation. resume_in: the work dir of the run to continue, or None to
    start from `weights`.
    """
    set_random_seed(cfg.randomness.seed)
    precision = choose_precision(cfg, options.amp, device)
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
    network = prepare(network, device, cudnn_benchmark=cfg.get("env_cfg", {}).get("cudnn_benchmark", True))
    if options.sync_bn:
        network = synchronize_norms(network, device)
    if options.checkpoint_gradients:
        checkpoint_gradients(network)
    if options.batch_size == "auto":
        cfg.train_dataloader.batch_size = _fitting_batch_size(cfg, network, datasets[0], device, content)
    _fit_schedule(cfg, len(datasets[0]), options.epochs)
    choose_workers(cfg, options.workers, device)
    decay = cfg.train_cfg.get("average")
    average = WeightAverage(network, decay) if decay else None
    if content:
        _check_schedule(last, content["meta"], cfg)
        if average:
            average.network.load_state_dict(content["state_dict"])
    if options.compile:
        network.backbone.compile()
        network.neck.compile()
    warnings = warnings_about(*(dataset.faces for dataset in datasets)) if is_first() else []
    return Beginning(cfg, options, device, precision, network, average, datasets, content, start, warnings)


def _fitting_batch_size(
    cfg: Config, network: torch.nn.Module, dataset: FaceDataset, device: str, content: dict[str, Any] | None
) -> int:
    """The batch size that fits every process, at most the views of an epoch in a step; that of the run that continues,
    which is measured once."""
    batches = effective_batch(cfg) // cfg.train_dataloader.batch_size
    if content:
        return int(content["meta"]["effective_batch"]) // batches
    fitting = min(gather(fitting_batch_size(cfg, network, dataset, device)))
    return min(fitting, max(1, len(dataset) // batches))


def _fit_schedule(cfg: Config, images: int, epochs: int | None) -> None:
    batch = effective_batch(cfg)
    set_accumulation(cfg, cfg.train_cfg.accumulate)
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
    if "accumulate" not in meta:
        raise UserError(f"{last}: an earlier version wrote it; start a new run with --weights {last}")
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
    complete = meta["epoch"] >= epochs and meta["validated"] >= epochs
    if complete and (last.parent / "training.html").is_file():  # without, it was killed before it wrote its results
        raise UserError(f"{last}: all {epochs} epochs are complete; start a new run with --weights {last}")


def _datasets(cfg: Config, sources: tuple[list[DatasetSource], DatasetSource]) -> list[FaceDataset]:
    train, val = sources
    built = [_dataset(cfg, cfg.train_dataloader, train), _dataset(cfg, cfg.val_dataloader, [val])]
    for source, dataset in zip((train[0], val), built, strict=True):
        _check_usable(source.path, dataset)
        if dataset.faces.faces == 0:
            raise UserError(
                f"{source.path}: none of its {len(dataset.faces.photos)} images has a face that is not ignored"
            )
    return built


def _check_usable(path: Path, dataset: FaceDataset) -> None:
    unusable = dataset.faces.unusable
    images = len(unusable) + len(dataset.faces.photos)
    if too_many(unusable, images):
        raise UserError(
            f"{path}: {len(unusable)} of {images} images cannot be used, more than 1 % (first: {unusable[0]}); "
            "repair or remove them; `facedet data check` lists all"
        )


def _dataset(cfg: Config, loader: Config, sources: list[DatasetSource]) -> FaceDataset:
    first, *more = [_plain(source) for source in sources]
    loader.dataset.update(first, **({"more": more} if more else {}))
    settings = {k: v for k, v in loader.dataset.items() if k != "type"}
    try:
        return FaceDataset(**settings, input_size=cfg.input_size)
    except TypeError as error:
        raise UserError(f"{cfg.filename}: unknown dataset setting ({error})") from error


def _plain(source: DatasetSource) -> dict[str, str | float]:
    """The settings of a source as a config holds them."""
    if not 0 < source.weight < math.inf:
        raise UserError(f"{source.path}: its weight is {source.weight}; give a number above 0")
    paths: dict[str, str | float] = {
        name: str(value) for name, value in asdict(source).items() if value is not None and name != "weight"
    }
    return paths if source.weight == 1 else {**paths, "weight": source.weight}
