"""Set up a training run: its datasets, its network and weights, its optimizer and schedules."""

from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.runner import set_random_seed

from facedet.common.errors import UserError
from facedet.detector.model import build_detector, quiet
from facedet.train import register  # noqa: F401
from facedet.train.average import WeightAverage
from facedet.train.configure import choose_precision, choose_workers, config_errors, effective_batch
from facedet.train.history import History
from facedet.train.machine.device import place
from facedet.train.machine.distributed import gather, is_first, synchronize_norms, wrap
from facedet.train.machine.memory import checkpoint_gradients, fitting_batch_size, reset_peak_memory
from facedet.train.optimizer import build_optimizer, build_schedules
from facedet.train.options import TrainingOptions
from facedet.train.record.progress import byte_bar, tell
from facedet.train.resume import check_data, check_network, check_schedule, read_last, restore
from facedet.train.run import Run, State
from facedet.train.samples.dataset import FaceDataset
from facedet.train.samples.datasets import cache_warnings, read_datasets
from facedet.train.samples.loaders import train_loader, val_loader
from facedet.train.samples.validation_set import warnings_about
from facedet.train.schedule import scale_learning_rate, set_accumulation, set_epochs, set_fewest_steps
from facedet.weights.checkpoint import load_weights
from facedet.weights.initial import initial_from, read_initial
from facedet.weights.training_record import lineage_of


def build_run(cfg: Config, options: TrainingOptions, device: str, resume_in: Path | None) -> Run:
    """Read the datasets, build everything that the config describes, load the weights. Raises UserError.

    cfg: from `configure`. resume_in: the work dir of the run to continue, or None to start from the initial weights.
    """
    set_random_seed(cfg.randomness.seed, deterministic=cfg.randomness.get("deterministic", False))
    with config_errors(cfg):
        precision = choose_precision(cfg, options.amp, device)
    content, last = read_last(resume_in) if resume_in else (None, Path())
    if content:
        initial = initial_from(content, str(last), cfg)
    else:
        initial = read_initial(cfg.initial_weights, cfg, progress=byte_bar, tell=tell)
    if initial.config:  # its mean belongs to its weights: a half-precision IR stores a rounded one
        cfg.model.data_preprocessor = initial.config.model.data_preprocessor
    if initial.frozen_norms:
        cfg.model.backbone.norm_eval = True
    train, val = datasets = read_datasets(cfg, options)
    if content:
        check_data(last, content["meta"], datasets, options.allow_changed_data)
    network = build_detector(cfg)
    check_channels(cfg, network)
    network.train()  # some backbones freeze their stages here, which decides what the optimizer and DDP see
    if content:
        check_network(last, initial, cfg)
        load_weights(network, content.get("trained", initial.state), str(last))
        start, lineage = f"iteration {content['meta']['iter']} of {last}", lineage_of(content["meta"])
    else:
        start = initial.load(network, options.allow_partial)
        lineage = initial.lineage(start)
    network = place(network, device)
    if options.checkpoint_gradients:
        checkpoint_gradients(network)
    if options.batch_size == "auto":
        cfg.train_dataloader.batch_size = _fitting_batch_size(cfg, network, train, device, content)
    if options.sync_bn:  # not before the search, in which a process must not wait for another
        network = synchronize_norms(network, device)
    with config_errors(cfg):
        fit_schedule(cfg, len(train), options.epochs)
        choose_workers(cfg, options.workers, device)
    decay = cfg.train_cfg.get("average")
    average = WeightAverage(network, decay) if decay else None
    if options.compile:
        network.backbone.compile()
        network.neck.compile()
    model = wrap(network, device)
    with config_errors(cfg):
        loaders = train_loader(cfg, train, device), val_loader(cfg, val, device)
        length: int = loaders[0].sampler.iterations  # type: ignore[attr-defined]
        optimizer = build_optimizer(cfg, network, iterations=cfg.train_cfg.max_epochs * length)
        schedules = build_schedules(cfg, optimizer, length)
        with quiet():
            evaluator = Evaluator(cfg.val_evaluator)
    evaluator.dataset_meta = val.metainfo
    state = State(network, optimizer, schedules, average, History())
    if content:
        check_schedule(last, content["meta"], cfg)
        restore(state, content, last, length, cfg.train_cfg.max_epochs * length)
    reset_peak_memory(device)
    warnings = [*warnings_about(train.faces, val.faces), *cache_warnings(train, val)] if is_first() else []
    detects = initial.config is not None and not options.allow_partial
    return Run(cfg, options, device, precision, model, state, *loaders, evaluator, start, warnings, detects, lineage)


def check_channels(cfg: Config, network: Any) -> None:
    """Raise UserError if backbone, neck and head do not fit together."""
    neck, head = cfg.model.get("neck"), cfg.model.bbox_head
    if not neck:
        raise UserError(f"{cfg.filename}: model.neck is missing")
    network.eval()
    with torch.no_grad():
        maps = network.backbone(torch.zeros(1, 3, 64, 64))
    channels = [each.shape[1] for each in maps]
    for name, wanted, found in (
        ("neck.in_channels", list(neck.get("in_channels", channels)), channels),
        ("bbox_head.in_channels", head.in_channels, neck.get("out_channels", head.in_channels)),
    ):
        if wanted != found:
            raise UserError(f"{cfg.filename}: model.{name} is {wanted}, but the part before it has {found} channels")


def _fitting_batch_size(
    cfg: Config, network: torch.nn.Module, dataset: FaceDataset, device: str, content: dict[str, Any] | None
) -> int:
    """The batch size that fits every process, but at most an epoch's views in a step. A resumed run keeps the one that
    was measured at its start."""
    batches = effective_batch(cfg) // cfg.train_dataloader.batch_size
    if content:
        return int(content["meta"]["effective_batch"]) // batches
    return min(gather(fitting_batch_size(cfg, network, dataset, device, max(1, len(dataset) // batches))))


def fit_schedule(cfg: Config, images: int, epochs: int | None) -> None:
    """Fit the schedule, in place, to the images of an epoch, the batch size and the epochs that the caller wants."""
    batch = effective_batch(cfg)
    set_accumulation(cfg, cfg.train_cfg.accumulate)
    if epochs:
        set_epochs(cfg, epochs)
    else:
        set_fewest_steps(cfg, images, batch)
    scale_learning_rate(cfg, batch)
