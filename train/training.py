"""Fine-tune a detector on annotated photographs."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import utils as device_utils
from mmengine.runner import Runner
from mmengine.utils import import_modules_from_strings

from facedet.core.common.errors import UserError, last_line
from facedet.core.common.files import check_writable
from facedet.core.data.dataset import DatasetSource
from facedet.core.detector.config import config_name, load_config, network_facts
from facedet.core.detector.model import build_detector
from facedet.core.train import register  # noqa: F401
from facedet.core.train.dataset import FaceDataset
from facedet.core.train.hooks import History
from facedet.core.train.schedule import set_epochs
from facedet.core.train.summary import Summary, write_outcome
from facedet.core.weights.checkpoint import load_weights, read_torch_file
from facedet.core.weights.initial import Initial, read_initial


def finetune(
    config: str | Path,
    train: DatasetSource | Path,
    val: DatasetSource | Path,
    *,
    work_dir: Path,
    weights: str | Path | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    device: str = "auto",
    resume: bool = False,
    allow_partial: bool = False,
) -> Summary:
    """Train by a config (name or path) on `train`, validate on `val`: sets as `DatasetSource` or its path.

    weights: a checkpoint, `torchvision:NAME`, a file of torchvision's, or `random`; allow_partial: of them, take what
    fits. Their mean and deviation are kept, and batch norms without statistics stay in eval mode. device: `cpu`,
    `cuda`, `cuda:1` or `auto`; None leaves a setting to the config. Leaves in the work dir: last.pth (to resume from),
    best.pth (by validation AP), summary.json, training-curve.png, TensorBoard scalars and the log. Raises UserError.
    """
    cfg = load_config(config)
    import_modules_from_strings(**cfg.get("custom_imports", {"imports": []}))
    _check_work_dir(work_dir, resume)
    device = _choose_device(device)
    if epochs:
        set_epochs(cfg, epochs)
    if batch_size:
        cfg.train_dataloader.batch_size = batch_size
    last = work_dir / "last.pth"
    initial = read_initial(str(last if resume else weights or cfg.get("initial_weights") or "random"))
    if initial.config:  # a half-precision IR had rounded its mean
        cfg.model.data_preprocessor = initial.config.model.data_preprocessor
    if initial.frozen_norms:
        cfg.model.backbone.norm_eval = True
    datasets = _datasets(cfg, *(s if isinstance(s, DatasetSource) else DatasetSource(Path(s)) for s in (train, val)))
    model = build_detector(cfg)
    start = _check_resumable(last, cfg, model, initial) if resume else initial.load(model, allow_partial)
    history = History()
    with _config_errors(cfg, history):
        runner = _runner(cfg, model, datasets, history, work_dir, resume)
        loaders = [runner.train_dataloader, runner.val_dataloader]
    for dataset in datasets:
        for line in dataset.faces.skipped:
            runner.logger.warning(f"left out: {line}")
    print(_opening(cfg, datasets, start, device, work_dir), flush=True)
    began = time.monotonic()
    try:
        with _config_errors(cfg, history):
            runner.train()
    finally:
        for loader in loaders:
            loader._iterator = None  # ends its workers at once; the garbage collector would wait five seconds for each
    return write_outcome(work_dir, cfg, datasets, history, time.monotonic() - began, device, start)


@contextmanager
def _config_errors(cfg: Config, history: History) -> Iterator[None]:
    """What mmengine raises before the first step is done comes from the config, and of it the last line tells."""
    try:
        yield
    except UserError as error:  # from a DataLoader's worker it comes with the worker's traceback
        raise UserError(last_line(error).removeprefix(f"{UserError.__module__}.UserError: ")) from error
    except (TypeError, KeyError, ValueError, AttributeError, AssertionError, RuntimeError) as error:
        if history.losses:
            raise
        raise UserError(f"{cfg.filename}: the training cannot begin ({last_line(error)})") from error


def _check_resumable(last: Path, cfg: Config, model: torch.nn.Module, initial: Initial) -> str:
    config = initial.config
    assert config is not None
    if network_facts(config) != network_facts(cfg):
        raise UserError(
            f"{last}: was trained by another config ({config_name(config)}) than {config_name(cfg)} as it is"
        )
    load_weights(model, initial.state, str(last))
    meta, epochs = read_torch_file(last)["meta"], cfg.train_cfg.max_epochs
    if meta["max_epochs"] != epochs:
        raise UserError(f"{last}: was begun for {meta['max_epochs']} epochs, not {epochs}: its schedule cannot change")
    if meta["epoch"] >= epochs:
        raise UserError(f"{last}: all its {epochs} epochs are done; start anew with --weights {last}")
    return f"epoch {meta['epoch']} of {last}"


class QuietRunner(Runner):
    """mmengine's Runner, whose log goes to its file; the terminal hears of warnings only."""

    def build_logger(self, *args: Any, **kwargs: Any) -> logging.Logger:
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if type(handler) is logging.StreamHandler:
                handler.setLevel(logging.ERROR)
        return logger


def _runner(
    cfg: Config, model: torch.nn.Module, datasets: list[FaceDataset], history: History, folder: Path, resume: bool
) -> Runner:
    train_loader, val_loader = (
        dict(loader, dataset=dataset, persistent_workers=loader["num_workers"] > 0)
        for loader, dataset in zip((cfg.train_dataloader, cfg.val_dataloader), datasets, strict=True)
    )
    return QuietRunner(
        model=model,
        work_dir=str(folder),
        train_dataloader=train_loader,
        val_dataloader=val_loader,
        train_cfg=cfg.train_cfg,
        val_cfg=cfg.val_cfg,
        val_evaluator=cfg.val_evaluator,
        optim_wrapper=cfg.optim_wrapper,
        param_scheduler=cfg.param_scheduler,
        auto_scale_lr=cfg.get("auto_scale_lr"),
        default_hooks={"checkpoint": {"type": "Checkpoints"}},
        custom_hooks=[history, {"type": "Progress"}, *cfg.get("custom_hooks", [])],
        visualizer={"type": "Visualizer", "vis_backends": [{"type": "TensorboardVisBackend"}]},
        randomness=cfg.get("randomness", {}),
        env_cfg=cfg.get("env_cfg", {}),
        default_scope="mmdet",
        load_from=str(folder / "last.pth") if resume else None,
        resume=resume,
        experiment_name=f"{config_name(cfg)}-{time.time_ns()}",  # mmengine keeps one runner per name and process
        cfg=cfg,
    )


def _datasets(cfg: Config, train: DatasetSource, val: DatasetSource) -> list[FaceDataset]:
    built = []
    for source, loader in ((train, cfg.train_dataloader), (val, cfg.val_dataloader)):
        loader.dataset.update({k: str(v) for k, v in asdict(source).items() if v is not None})
        settings = {k: v for k, v in loader.dataset.items() if k != "type"}
        try:
            built.append(FaceDataset(**settings, input_size=cfg.input_size))
        except TypeError as error:
            raise UserError(f"{cfg.filename}: a dataset setting is unknown ({error})") from error
    for source, dataset in zip((train, val), built, strict=True):
        if dataset.faces.faces == 0:
            raise UserError(f"{source.path}: none of its {len(dataset.faces.photos)} pictures has a face that counts")
    return built


def _check_work_dir(folder: Path, resume: bool) -> None:
    held = (folder / "last.pth").is_file()
    if resume and not held:
        raise UserError(f"{folder}: holds no last.pth to resume from")
    if held and not resume:
        raise UserError(f"{folder}: holds an earlier training; continue it with --resume or choose another --work-dir")
    check_writable(folder)


def _choose_device(wanted: str) -> str:
    name = ("cuda" if torch.cuda.is_available() else "cpu") if wanted == "auto" else wanted
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda") or (index and not index.isdigit()):
        raise UserError(f"--device {wanted}: not a device; give cpu, cuda, cuda:N or auto")
    if kind == "cuda":
        if int(index or 0) >= torch.cuda.device_count():
            raise UserError(f"--device {wanted}: this machine has {torch.cuda.device_count()} CUDA devices")
        torch.cuda.set_device(int(index or 0))
    device_utils.DEVICE = kind  # mmengine has no other way to be told
    return name


def _opening(cfg: Config, datasets: list[FaceDataset], start: str, device: str, folder: Path) -> str:
    sizes = [f"{len(d.faces.photos)} pictures with {d.faces.faces} faces" for d in datasets]
    left_out = sum(len(d.faces.skipped) for d in datasets)
    more = f" ({left_out} boxes or pictures left out, see the log)" if left_out else ""
    return (
        f"{config_name(cfg)} at {cfg.input_size}x{cfg.input_size} on {device} from {start}\n"
        f"training on {sizes[0]}, validating on {sizes[1]}{more}\nwriting to {folder}"
    )
