"""What the caller of a training run chooses beside its config."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config

from facedet.common.errors import UserError
from facedet.common.machine import core_count, shared_memory
from facedet.train.machine.device import bfloat16_is_fast
from facedet.train.machine.distributed import sharing_cores, world

_MOST_WORKERS = 16
_BATCHES_OF_A_WORKER = 3  # in shared memory: two are ready, one is in the making


@dataclass(frozen=True)
class Options:
    """What the caller of a training run may choose beside its config; None takes the config's value.

    epochs: exactly so many; otherwise the config's, and more if its `min_steps` need them. batch_size: images of a
    process in an iteration, or `auto` for what fits the GPU. accumulate: iterations in a step of the optimizer.
    workers: processes that read images, see `choose_workers`. patience: validations without a better AP after which
    training stops. freeze: stages of the backbone that are not trained, 0 to 4. allow_partial: load only the weights
    that fit. amp: `on`, `off` or `auto`. sync_bn: batch normalization uses the images of all processes. compile: with
    torch.compile. cache: folder that keeps decoded images. checkpoint_gradients: less memory, more time. save_every:
    minutes between two checkpoints. loggers: some of `loggers.LOGGERS`.
    """

    epochs: int | None = None
    batch_size: int | str | None = None
    accumulate: int | None = None
    workers: int | None = None
    seed: int | None = None
    patience: int | None = None
    freeze: int | None = None
    allow_partial: bool = False
    amp: str = "auto"
    sync_bn: bool = False
    compile: bool = False
    cache: Path | None = None
    checkpoint_gradients: bool = False
    save_every: float = 5
    loggers: Sequence[str] = ()


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
    given = cfg.train_cfg.get("accumulate") or cfg.optim_wrapper.get("accumulative_counts", 1)  # mmengine's name
    cfg.train_cfg.accumulate = options.accumulate or given
    cfg.optim_wrapper.accumulative_counts = cfg.train_cfg.accumulate
    if options.compile and options.checkpoint_gradients:
        raise UserError("--compile --checkpoint-gradients: give one of them, they do not work together")


def effective_batch(cfg: Config) -> int:
    """Images in a step of the optimizer. Raises UserError."""
    if cfg.train_dataloader.batch_size < 1:
        raise UserError(f"{cfg.filename}: train_dataloader.batch_size must be 1 or more")
    return cfg.train_dataloader.batch_size * world()[1] * cfg.train_cfg.accumulate


def choose_precision(cfg: Config, amp: str, device: str) -> str:
    """Let the config's optimizer use bfloat16 where it is wanted: `on`, `off` or `auto`. Returns the precision's name.

    A config with an optimizer wrapper of its own chooses by that; its name is returned. Raises UserError.
    """
    if amp not in ("on", "off", "auto"):
        raise UserError(f"--amp {amp}: give on, off or auto")
    kind = cfg.optim_wrapper.get("type", "OptimWrapper")
    if kind != "OptimWrapper":
        if amp != "auto":
            raise UserError(f"--amp {amp}: {cfg.filename} chooses the precision itself, by optim_wrapper.type {kind}")
        return f"the precision of {kind}"
    chosen = amp == "on" or (amp == "auto" and bfloat16_is_fast(device))
    cfg.optim_wrapper.update(type="FaceOptimWrapper", bfloat16=chosen)
    return "bfloat16" if chosen else "float32"


def choose_workers(cfg: Config, workers: int | None, device: str) -> None:
    """Set, for training and for validation, the number of processes that read images, in place.

    workers: None takes the config's on a CPU; on a GPU, which would wait for so few, this rank's share of the cores, at
    most 16 and as many as shared memory has room for, if that is more.
    """
    own = 0
    if device != "cpu":
        each = _BATCHES_OF_A_WORKER * cfg.train_dataloader.batch_size * 3 * cfg.input_size**2
        own = min(_MOST_WORKERS, int(min(core_count(), shared_memory() / each) / sharing_cores()))
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.num_workers = max(loader.num_workers, own) if workers is None else workers
