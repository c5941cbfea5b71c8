"""The config of a training run: apply the caller's options, refuse keys without effect."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from mmengine.config import Config

from facedet.common.errors import UserError, last_line
from facedet.common.machine import core_count, shared_memory
from facedet.detector.config import config_name, import_custom
from facedet.train.machine.device import bfloat16_is_fast
from facedet.train.machine.distributed import sharing_cores, world
from facedet.train.options import TrainingOptions
from facedet.train.recipe import config_of

_MOST_WORKERS = 16
_STAGES = {"ResNet": 4, "ResNeXt": 4, "MobileNetV2": 7}  # that --freeze can count
_BATCHES_OF_A_WORKER = 3  # in shared memory: two are ready, one is being made
_TRAIN_KEYS = {"by_epoch", "max_epochs", "val_interval", "min_steps", "average", "patience", "accumulate"}
_KNOWN = {  # the keys that training reads, of nodes whose other keys mmengine's Runner would have read
    "train_cfg": _TRAIN_KEYS,
    "val_cfg": set(),
    "env_cfg": {"cudnn_benchmark"},
    "randomness": {"seed", "deterministic"},
}


def configure(options: TrainingOptions, resume: bool) -> Config:
    """Read the config and apply the caller's options. Raises UserError.

    resume: whether the run continues from a checkpoint, and so needs no initial weights.
    """
    cfg = config_of(options)
    import_custom(cfg)
    with config_errors(cfg):
        _refuse_keys_without_effect(cfg)
        override(cfg, options)
    if options.weights:
        cfg.initial_weights = str(options.weights)
    if not cfg.get("initial_weights") and not resume:
        raise UserError(f"{config_name(cfg)}: starts from weights that detect faces; give --weights")
    return cfg


@contextmanager
def config_errors(cfg: Config) -> Iterator[None]:
    """Raise what mmengine and torch raise for a wrong setting as a UserError. Only for building from the config."""
    try:
        yield
    except (TypeError, KeyError, ValueError, AttributeError, AssertionError) as error:
        raise UserError(f"{cfg.filename}: training cannot start ({last_line(error)})") from error


def _refuse_keys_without_effect(cfg: Config) -> None:
    if "custom_hooks" in cfg:
        raise UserError(
            f"{cfg.filename}: 'custom_hooks' has no effect: training does not use mmengine's Runner; remove it, or use "
            "facedet.finetune(..., on_epoch=...) from Python"
        )
    for name, known in _KNOWN.items():
        for key in (cfg.get(name) or {}).keys() - known:
            raise UserError(f"{cfg.filename}: '{name}.{key}' has no effect; remove it")
    if cfg.train_cfg.get("by_epoch", True) is not True:
        raise UserError(f"{cfg.filename}: 'train_cfg.by_epoch' has no effect: training counts epochs; remove it")
    for loader in ("train_dataloader", "val_dataloader"):
        if "persistent_workers" in cfg[loader]:
            raise UserError(f"{cfg.filename}: '{loader}.persistent_workers' has no effect; remove it")
    for loader, kind, known in (
        ("train_dataloader", "OrderSampler", {"type", "shuffle", "scales", "full_size_from"}),
        ("val_dataloader", "DefaultSampler", {"type", "shuffle"}),
    ):
        _check_sampler(cfg[loader].get("sampler", {}), kind, known, f"{cfg.filename}: {loader}.sampler")
    if cfg.val_dataloader.get("sampler", {}).get("shuffle"):
        raise UserError(f"{cfg.filename}: 'val_dataloader.sampler.shuffle' has no effect; remove it")


def _check_sampler(sampler: Mapping, kind: str, known: set[str], where: str) -> None:
    if sampler.get("type", kind) != kind:
        raise UserError(f"{where}.type is {sampler['type']}, not {kind}: another one has no effect; remove it")
    for key in sampler.keys() - known:
        raise UserError(f"{where}.{key} has no effect; remove it")


def override(cfg: Config, options: TrainingOptions) -> None:
    """Apply the caller's options to the config."""
    cfg.train_cfg.setdefault("val_interval", 1)
    cfg.randomness = {"seed": 0, **cfg.get("randomness", {})}
    if options.seed is not None:
        cfg.randomness.seed = options.seed
    if isinstance(options.batch_size, int):
        cfg.train_dataloader.batch_size = options.batch_size
    if options.cache:
        for loader in (cfg.train_dataloader, cfg.val_dataloader):
            loader.dataset.cache = str(options.cache)
            if options.cache_size:
                loader.dataset.cache_size = options.cache_size
    elif options.cache_size:
        raise UserError("--cache-size: give --cache, the folder")
    if options.freeze is not None:
        backbone = cfg.model.backbone
        stages = _STAGES.get(backbone.type, options.freeze)
        if options.freeze > stages:
            raise UserError(f"--freeze {options.freeze}: {backbone.type} has {stages} stages")
        backbone.frozen_stages = options.freeze
    if options.patience is not None:
        cfg.train_cfg.patience = options.patience
    schedules = cfg.get("param_scheduler") or []
    cfg.param_scheduler = [schedules] if isinstance(schedules, dict) else schedules
    given = cfg.train_cfg.get("accumulate") or cfg.optim_wrapper.get("accumulative_counts", 1)  # mmengine's name
    cfg.train_cfg.accumulate = options.accumulate or given
    cfg.optim_wrapper.accumulative_counts = cfg.train_cfg.accumulate


def effective_batch(cfg: Config) -> int:
    """Images in a step of the optimizer. Raises UserError."""
    if cfg.train_dataloader.batch_size < 1:
        raise UserError(f"{cfg.filename}: train_dataloader.batch_size must be 1 or more")
    return cfg.train_dataloader.batch_size * world()[1] * cfg.train_cfg.accumulate


def choose_precision(cfg: Config, amp: str, device: str) -> str:
    """Let the config's optimizer use bfloat16 if wanted: `on`, `off` or `auto`. Returns the precision's name.

    A config with its own optimizer wrapper chooses the precision by that; the wrapper's name is returned. Raises
    UserError.
    """
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

    workers: None takes the config's on a CPU. On a GPU, which would wait for so few workers, it takes this rank's share
    of the cores if that is more, but at most 16 and as many as shared memory has room for.
    """
    own = 0
    if device != "cpu":
        each = _BATCHES_OF_A_WORKER * cfg.train_dataloader.batch_size * 3 * cfg.input_size**2
        own = min(_MOST_WORKERS, int(min(core_count(), shared_memory() / each) / sharing_cores()))
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.num_workers = max(loader.num_workers, own) if workers is None else workers
