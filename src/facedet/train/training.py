"""Fine-tune a detector on annotated images."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.utils import import_modules_from_strings

from facedet.common.errors import UserError, last_line
from facedet.data.dataset import DatasetSource
from facedet.detector.config import config_name, load_config
from facedet.train import register  # noqa: F401
from facedet.train.checkpoints import Checkpoints, restore
from facedet.train.dry_run import Trial, measure
from facedet.train.hooks import History
from facedet.train.machine.distributed import gather, is_first, processes, restarted, wrap
from facedet.train.machine.stop import Stopped, StopRequest
from facedet.train.machine.work_dir import contains_run, own, refuse_earlier_run
from facedet.train.options import Options, effective_batch, override
from facedet.train.record.csv_tables import Tables
from facedet.train.record.loggers import check_loggers
from facedet.train.record.pictures import Pictures
from facedet.train.record.start_message import print_start
from facedet.train.record.summary import Summary, write_summary
from facedet.train.record.training_report import write_report
from facedet.train.runner import build_runner
from facedet.train.setup import Beginning, begin

Dataset = DatasetSource | str | Path
_READ_LOSSES_EVERY = {"cpu": 1, "cuda": 10}  # iterations: a GPU waits each time


def finetune(
    config: str | Path,
    train: Dataset | Sequence[Dataset],
    val: Dataset,
    *,
    work_dir: str | Path,
    weights: str | Path | None = None,
    resume: bool = False,
    device: str = "auto",
    launcher: str | None = None,
    **options: Any,
) -> Summary:
    """Train by a config (name or path) on the dataset `train` and validate on `val`. Raises UserError.

    train, val: a path alone if the dataset needs no more; train can be several datasets. weights: a checkpoint,
    `torchvision:NAME`, a file of torchvision weights, or `random`; a checkpoint also sets mean and standard deviation
    of the input, and its batch normalization layers without running statistics stay in eval mode. resume: continue from
    last.pth in the work dir, to the bit, with the same config and options. device: `cpu`, `cuda`, `cuda:1` or `auto`.
    launcher: see `distributed.processes`. options: fields of `options.Options`.

    Files in the work dir:

    - best.pth: the weights of the epoch with the highest validation AP, and `meta`; no optimizer. Export this one.
    - last.pth: everything needed to resume; previous.pth: the one before
    - summary.json: the returned `Summary`
    - training.html: settings, results, datasets and pictures; training-curve.png: loss and validation AP
    - scalars.csv, validations.csv: see `tables.Tables`
    - batches.png: the first views; best.png, worst.png: see `pictures.Pictures`
    - YYYYMMDD_HHMMSS/: the log, and TensorBoard scalars

    The keys in the checkpoints are listed at `checkpoints.Checkpoints`. Raises Stopped, a UserError, after a SIGINT or
    SIGTERM, when last.pth is written.
    """
    folder, sources = Path(work_dir), _sources(train, val)
    chosen, stop = Options(**options), StopRequest()
    with stop.listening(), processes(launcher, device) as device:
        resume = resume or (restarted() and gather(contains_run(folder))[0])
        cfg, initial = _configure(config, weights, resume, chosen)
        with own(folder, resume):
            beginning = begin(cfg, sources, initial, folder if resume else None, device, chosen)
            print_start(beginning, f"writing to {folder}")
            return _train(beginning, folder, stop)


def try_run(
    config: str | Path,
    train: Dataset | Sequence[Dataset],
    val: Dataset,
    *,
    work_dir: str | Path,
    weights: str | Path | None = None,
    resume: bool = False,
    device: str = "auto",
    launcher: str | None = None,
    **options: Any,
) -> Trial:
    """Take the first steps of the run that `finetune` does with these arguments. Writes nothing. Raises UserError."""
    sources, chosen = _sources(train, val), Options(**options)
    with processes(launcher, device) as device, TemporaryDirectory() as folder:
        cfg, initial = _configure(config, weights, resume, chosen)
        refuse_earlier_run(Path(work_dir), resume)
        beginning = begin(cfg, sources, initial, Path(work_dir) if resume else None, device, chosen)
        print_start(beginning, "trying the first steps, writing nothing")
        history = _history(beginning)
        with _config_errors(cfg, history):
            runner = _runner(beginning, history, Path(folder), StopRequest())
            with _workers_stopped(runner):
                done = beginning.content["meta"] if beginning.content else {"epoch": 0, "iter": 0}
                return measure(runner, device, done)


def _sources(train: Dataset | Sequence[Dataset], val: Dataset) -> tuple[list[DatasetSource], DatasetSource]:
    several = [train] if isinstance(train, Dataset) else train
    if not several:
        raise UserError("no dataset to train on; give at least one")
    return [DatasetSource.of(each, "train") for each in several], DatasetSource.of(val, "val")


def _configure(config: str | Path, weights: str | Path | None, resume: bool, options: Options) -> tuple[Config, str]:
    """The config with the caller's settings, and the initial weights."""
    check_loggers(options.loggers)
    cfg = load_config(config)
    import_modules_from_strings(**cfg.get("custom_imports", {"imports": []}))
    override(cfg, options)
    initial = str(weights or cfg.get("initial_weights") or "")
    if not initial and not resume:
        raise UserError(f"{config_name(cfg)}: starts from weights that detect faces; give --weights")
    return cfg, initial


def _train(beginning: Beginning, folder: Path, stop: StopRequest) -> Summary:
    history = _history(beginning)
    with _config_errors(beginning.cfg, history):
        checkpoints = Checkpoints(history, folder, beginning.options.save_every)
        hooks = [Pictures(history, folder), Tables(history, folder), checkpoints]
        runner = _runner(beginning, history, folder, stop, hooks, beginning.options.loggers)
    for line in (line for dataset in beginning.datasets for line in dataset.faces.skipped):
        runner.logger.warning(f"left out: {line}")
    started = time.monotonic()
    with _config_errors(beginning.cfg, history), _workers_stopped(runner):
        runner.train()
    if runner.train_loop.stopped:
        raise Stopped(
            f"stopped after iteration {runner.iter} of {runner.max_iters}; {folder / 'last.pth'} holds everything: "
            "the same command with --resume continues",
            stop.agreed,
        )
    summary = write_summary(folder, beginning, history, time.monotonic() - started)
    if is_first():
        write_report(summary, beginning, folder)
    return summary


def _history(beginning: Beginning) -> History:
    images = sum(len(dataset.faces.photos) for dataset in beginning.datasets)
    return History(_READ_LOSSES_EVERY[beginning.device.partition(":")[0]], images)


def _runner(
    beginning: Beginning,
    history: History,
    folder: Path,
    stop: StopRequest,
    hooks: Sequence[Hook] = (),
    loggers: Sequence[str] = (),
) -> Runner:
    cfg, content = beginning.cfg, beginning.content
    loop = {
        "stop": stop,
        "average": beginning.average,
        "effective_batch": effective_batch(cfg),
        "accumulate": cfg.train_cfg.accumulate,
        "restore": partial(restore, content, history=history) if content else None,
    }
    network = wrap(beginning.network, beginning.device)
    return build_runner(cfg, network, beginning.datasets, history, folder, loop, list(hooks), loggers)


@contextmanager
def _workers_stopped(runner: Runner) -> Iterator[None]:
    """Stop the DataLoaders' workers at the end. Python waits for them, and they ignore its signals."""
    loaders = [runner.train_dataloader, runner.val_dataloader]
    try:
        yield
    finally:
        for loader in loaders:
            if loader._iterator:
                loader._iterator._shutdown_workers()
            loader._iterator = None


@contextmanager
def _config_errors(cfg: Config, history: History) -> Iterator[None]:
    """Raise a UserError of a DataLoader worker without the worker's traceback, and every error of mmengine before the
    first step is complete as a UserError: the config is its cause."""
    try:
        yield
    except Stopped:
        raise
    except UserError as error:  # a DataLoader worker puts its traceback before the message
        message = str(error).splitlines()[-1]
        raise UserError(message.removeprefix(f"{UserError.__module__}.UserError: ")) from error
    except torch.OutOfMemoryError as error:
        raise UserError(
            f"the GPU has too little memory for batches of {cfg.train_dataloader.batch_size} images; give "
            "--batch-size auto, a smaller --batch-size with --accumulate, or --checkpoint-gradients"
        ) from error
    except (TypeError, KeyError, ValueError, AttributeError, AssertionError, RuntimeError) as error:
        if history.losses or history.pending:
            raise
        raise UserError(f"{cfg.filename}: training cannot start ({last_line(error)})") from error
