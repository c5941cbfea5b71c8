"""Fine-tune a detector on annotated images."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.utils import import_modules_from_strings

from facedet.core.common.errors import UserError, last_line
from facedet.core.common.files import check_writable
from facedet.core.common.lock import only_writer
from facedet.core.data.dataset import DatasetSource
from facedet.core.detector.config import config_name, load_config
from facedet.core.train import register  # noqa: F401
from facedet.core.train.begin import Beginning, Options, begin, choose_precision, effective_batch, override
from facedet.core.train.checkpoints import Checkpoints, restore, sweep
from facedet.core.train.device import choose_device
from facedet.core.train.distributed import is_first, processes, wait, wrap
from facedet.core.train.hooks import History
from facedet.core.train.runner import build_runner
from facedet.core.train.stop import Stopped, StopRequest
from facedet.core.train.summary import Summary, write_summary

_READ_LOSSES_EVERY = {"cpu": 1, "cuda": 10}  # iterations: a GPU waits each time


def finetune(
    config: str | Path,
    train: DatasetSource | str | Path,
    val: DatasetSource | str | Path,
    *,
    work_dir: str | Path,
    weights: str | Path | None = None,
    resume: bool = False,
    device: str = "auto",
    launcher: str | None = None,
    save_every: float = 5,
    **options: Any,
) -> Summary:
    """Train by a config (name or path) on the dataset `train` and validate on `val`. Raises UserError.

    train, val: a path alone if the dataset needs no more. weights: a checkpoint, `torchvision:NAME`, a file of
    torchvision weights, or `random`; a checkpoint also sets mean and standard deviation of the input, and its batch
    normalization layers without running statistics stay in eval mode. resume: continue from last.pth in the work dir,
    to the bit, with the same config and options. device: `cpu`, `cuda`, `cuda:1` or `auto`. launcher: see
    `distributed.processes`. save_every: minutes between two checkpoints. options: fields of `begin.Options`.

    Files in the work dir:

    - best.pth: the weights of the epoch with the highest validation AP, and `meta`; no optimizer. Export this one.
    - last.pth: everything needed to resume; previous.pth: the one before
    - summary.json: the returned `Summary`
    - training-curve.png: loss and validation AP
    - YYYYMMDD_HHMMSS/: the log, and TensorBoard scalars

    The keys in the checkpoints are listed at `checkpoints.Checkpoints`. Raises Stopped, a UserError, after a SIGINT or
    SIGTERM, when last.pth is written.
    """
    cfg = load_config(config)
    import_modules_from_strings(**cfg.get("custom_imports", {"imports": []}))
    chosen = Options(**options)
    override(cfg, chosen)
    folder, sources = Path(work_dir), (DatasetSource.of(train, "train"), DatasetSource.of(val, "val"))
    initial = str(weights or cfg.get("initial_weights") or "")
    if not initial and not resume:
        raise UserError(f"{config_name(cfg)}: starts from weights that detect faces; give --weights")
    stop = StopRequest()
    with stop.listening(), processes(launcher, choose_device(device)) as device, _own(folder, resume):
        precision = choose_precision(cfg, chosen.amp, device)
        beginning = begin(cfg, sources, initial, folder if resume else None, device, chosen)
        if is_first():
            print(_start_message(cfg, beginning, f"{device} in {precision}", folder), flush=True)
        return _train(cfg, beginning, folder, device, stop, save_every)


def _train(cfg: Config, beginning: Beginning, folder: Path, device: str, stop: StopRequest, minutes: float) -> Summary:
    datasets, content = beginning.datasets, beginning.content
    history = History(_READ_LOSSES_EVERY[device.partition(":")[0]], sum(len(d.faces.photos) for d in datasets))
    loop = {
        "stop": stop,
        "average": beginning.average,
        "effective_batch": effective_batch(cfg),
        "restore": partial(restore, content, history=history) if content else None,
    }
    with _config_errors(cfg, history):
        network = wrap(beginning.network, device)
        runner = build_runner(cfg, network, datasets, history, folder, loop, [Checkpoints(history, folder, minutes)])
        loaders = [runner.train_dataloader, runner.val_dataloader]
    for line in (line for dataset in datasets for line in dataset.faces.skipped):
        runner.logger.warning(f"left out: {line}")
    started = time.monotonic()
    try:
        with _config_errors(cfg, history):
            runner.train()
    finally:
        for loader in loaders:
            loader._iterator = None  # stops its workers at once; the garbage collector would wait five seconds for each
    if runner.train_loop.stopped:
        raise Stopped(
            f"stopped after iteration {runner.iter} of {runner.max_iters}; {folder / 'last.pth'} holds everything: "
            "the same command with --resume continues",
            stop.agreed,
        )
    return write_summary(folder, cfg, datasets, history, time.monotonic() - started, device, beginning.start)


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
    except (TypeError, KeyError, ValueError, AttributeError, AssertionError, RuntimeError) as error:
        if history.losses or history.pending:
            raise
        raise UserError(f"{cfg.filename}: training cannot start ({last_line(error)})") from error


@contextmanager
def _own(folder: Path, resume: bool) -> Iterator[None]:
    """Check the work dir, and keep other runs out of it. The first process does it for all."""
    if not is_first():
        wait()
        yield
        return
    check_writable(folder)
    with only_writer(folder):
        exists = any((folder / name).is_file() for name in ("last.pth", "previous.pth"))
        if exists and not resume:
            raise UserError(
                f"{folder}: contains an earlier run; continue it with --resume or choose another --work-dir"
            )
        sweep(folder)
        wait()
        yield


def _start_message(cfg: Config, beginning: Beginning, device: str, folder: Path) -> str:
    datasets = beginning.datasets
    sizes = [f"{len(d.faces.photos)} images with {d.faces.faces} faces" for d in datasets]
    left_out = sum(len(d.faces.skipped) for d in datasets)
    note = f" ({left_out} images or boxes left out, see the log)" if left_out else ""
    return (
        f"{config_name(cfg)} at {cfg.input_size}x{cfg.input_size} on {device} from {beginning.start}\n"
        f"training on {sizes[0]}, validating on {sizes[1]}{note}\nwriting to {folder}"
    )
