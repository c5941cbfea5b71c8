"""Fine-tune a detector on annotated images."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.device import utils as device_utils
from mmengine.utils import import_modules_from_strings

from facedet.core.common.errors import UserError, last_line
from facedet.core.common.files import check_writable
from facedet.core.data.dataset import DatasetSource
from facedet.core.detector.config import config_name, load_config, network_to_json
from facedet.core.detector.model import build_detector
from facedet.core.train import register  # noqa: F401
from facedet.core.train.dataset import FaceDataset
from facedet.core.train.hooks import History
from facedet.core.train.runner import build_runner
from facedet.core.train.schedule import set_epochs
from facedet.core.train.summary import Summary, write_summary
from facedet.core.weights.checkpoint import load_weights, read_torch_file
from facedet.core.weights.initial import Initial, read_initial


def finetune(
    config: str | Path,
    train: DatasetSource | str | Path,
    val: DatasetSource | str | Path,
    *,
    work_dir: str | Path,
    weights: str | Path | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    device: str = "auto",
    resume: bool = False,
    allow_partial: bool = False,
) -> Summary:
    """Train by a config (name or path) on the dataset `train` and validate on `val`. Raises UserError.

    train, val: a path alone if the dataset needs no more. weights: a checkpoint, `torchvision:NAME`, a file of
    torchvision weights, or `random`; a checkpoint also sets mean and standard deviation of the input, and its batch
    normalization layers without running statistics stay in eval mode. allow_partial: load only the weights that fit.
    epochs, batch_size: None takes the config's. device: `cpu`, `cuda`, `cuda:1` or `auto`. resume: continue from
    last.pth in the work dir, with the same config and epochs.

    Files in the work dir:

    - best.pth: the weights of the epoch with the highest validation AP, and `meta`; no optimizer. Export this one.
    - last.pth: everything needed to resume: weights, optimizer, schedulers, epoch, iteration and history
    - summary.json: the returned `Summary`
    - training-curve.png: loss and validation AP
    - YYYYMMDD_HHMMSS/: the log, and TensorBoard scalars

    The keys in the two checkpoints are listed at `hooks.Checkpoints`.
    """
    work_dir = Path(work_dir)
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
    if initial.config:  # its mean belongs to its weights: a half-precision IR stores a rounded one
        cfg.model.data_preprocessor = initial.config.model.data_preprocessor
    if initial.frozen_norms:
        cfg.model.backbone.norm_eval = True
    datasets = _datasets(cfg, DatasetSource.of(train, "train"), DatasetSource.of(val, "val"))
    model = build_detector(cfg)
    start = _load_to_resume(last, cfg, model, initial) if resume else initial.load(model, allow_partial)
    history = History()
    with _config_errors(cfg, history):
        runner = build_runner(cfg, model, datasets, history, work_dir, resume)
        loaders = [runner.train_dataloader, runner.val_dataloader]
    for dataset in datasets:
        for line in dataset.faces.skipped:
            runner.logger.warning(f"left out: {line}")
    print(_start_message(cfg, datasets, start, device, work_dir), flush=True)
    started = time.monotonic()
    try:
        with _config_errors(cfg, history):
            runner.train()
    finally:
        for loader in loaders:
            loader._iterator = None  # stops its workers at once; the garbage collector would wait five seconds for each
    return write_summary(work_dir, cfg, datasets, history, time.monotonic() - started, device, start)


@contextmanager
def _config_errors(cfg: Config, history: History) -> Iterator[None]:
    """Raise a UserError of a DataLoader worker without the worker's traceback, and every error of mmengine before the
    first step is complete as a UserError: the config is its cause."""
    try:
        yield
    except UserError as error:  # a DataLoader worker puts its traceback before the message
        message = str(error).splitlines()[-1]
        raise UserError(message.removeprefix(f"{UserError.__module__}.UserError: ")) from error
    except (TypeError, KeyError, ValueError, AttributeError, AssertionError, RuntimeError) as error:
        if history.losses:
            raise
        raise UserError(f"{cfg.filename}: training cannot start ({last_line(error)})") from error


def _load_to_resume(last: Path, cfg: Config, model: torch.nn.Module, initial: Initial) -> str:
    """Check that last.pth fits the config, and load its weights. Returns a description of the start."""
    config = initial.config
    assert config is not None
    if network_to_json(config) != network_to_json(cfg):
        raise UserError(
            f"{last}: was trained with another config ({config_name(config)}) than {config_name(cfg)} is now; "
            "resume with the same config"
        )
    load_weights(model, initial.state, str(last))
    meta, epochs = read_torch_file(last)["meta"], cfg.train_cfg.max_epochs
    planned = meta["max_epochs"]
    if planned != epochs:
        raise UserError(f"{last}: was started for {planned} epochs, not {epochs}; give --epochs {planned}")
    if meta["epoch"] >= epochs:
        raise UserError(f"{last}: all {epochs} epochs are complete; start a new run with --weights {last}")
    return f"epoch {meta['epoch']} of {last}"


def _datasets(cfg: Config, train: DatasetSource, val: DatasetSource) -> list[FaceDataset]:
    built = []
    for source, loader in ((train, cfg.train_dataloader), (val, cfg.val_dataloader)):
        loader.dataset.update({k: str(v) for k, v in asdict(source).items() if v is not None})
        settings = {k: v for k, v in loader.dataset.items() if k != "type"}
        try:
            built.append(FaceDataset(**settings, input_size=cfg.input_size))
        except TypeError as error:
            raise UserError(f"{cfg.filename}: unknown dataset setting ({error})") from error
    for source, dataset in zip((train, val), built, strict=True):
        if dataset.faces.faces == 0:
            raise UserError(
                f"{source.path}: none of its {len(dataset.faces.photos)} images has a face that is not ignored"
            )
    return built


def _check_work_dir(folder: Path, resume: bool) -> None:
    has_checkpoint = (folder / "last.pth").is_file()
    if resume and not has_checkpoint:
        raise UserError(f"{folder}: contains no last.pth to resume from")
    if has_checkpoint and not resume:
        raise UserError(f"{folder}: contains an earlier run; continue it with --resume or choose another --work-dir")
    check_writable(folder)


def _choose_device(wanted: str) -> str:
    name = ("cuda" if torch.cuda.is_available() else "cpu") if wanted == "auto" else wanted
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda") or (index and not index.isdigit()):
        raise UserError(f"--device {wanted}: not a device; give cpu, cuda, cuda:N or auto")
    if kind == "cuda":
        if int(index or 0) >= torch.cuda.device_count():
            raise UserError(
                f"--device {wanted}: this machine has {torch.cuda.device_count()} CUDA devices; give cpu or auto"
            )
        torch.cuda.set_device(int(index or 0))
    device_utils.DEVICE = kind  # mmengine offers no other way to set it
    return name


def _start_message(cfg: Config, datasets: list[FaceDataset], start: str, device: str, folder: Path) -> str:
    sizes = [f"{len(d.faces.photos)} images with {d.faces.faces} faces" for d in datasets]
    left_out = sum(len(d.faces.skipped) for d in datasets)
    note = f" ({left_out} images or boxes left out, see the log)" if left_out else ""
    return (
        f"{config_name(cfg)} at {cfg.input_size}x{cfg.input_size} on {device} from {start}\n"
        f"training on {sizes[0]}, validating on {sizes[1]}{note}\nwriting to {folder}"
    )
