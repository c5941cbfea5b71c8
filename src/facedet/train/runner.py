"""mmengine's Runner, set up for this project."""

import logging
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dataset import DefaultSampler, pseudo_collate
from mmengine.device import is_cuda_available
from mmengine.runner import Runner
from torch.utils.data import DataLoader, Sampler

from facedet.detector.config import config_name
from facedet.train.hooks import History, Patience, Progress
from facedet.train.loop import TrainLoop
from facedet.train.machine.distributed import world
from facedet.train.machine.stop import leave_signals_to_the_main_process
from facedet.train.record.loggers import backends
from facedet.train.samples.dataset import FaceDataset
from facedet.train.samples.sampler import OrderSampler

_STRIDE = 32  # of the backbone: the neck adds maps of its stages
_OPEN_FILES = 65536  # at most: each tensor that a worker sends is one


class QuietRunner(Runner):
    """mmengine's Runner with its log in a file. The terminal shows errors only."""

    def build_logger(self, *args: Any, **kwargs: Any) -> logging.Logger:
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if type(handler) is logging.StreamHandler:
                handler.setLevel(logging.ERROR)
        return logger

    def train(self) -> Any:
        with warnings.catch_warnings():
            # with accumulated batches, mmengine's schedules move before the first step of the optimizer; rightly so
            warnings.filterwarnings("ignore", message="Detected call of `scheduler.step")
            return super().train()


def build_runner(
    cfg: Config,
    model: Any,
    datasets: list[FaceDataset],
    history: History,
    folder: Path,
    loop: dict,
    hooks: list,
    loggers: Sequence[str] = (),
) -> Runner:
    """Build the runner of a training run from its config.

    model: on its device, with its weights, wrapped if there are several processes. folder: the work dir. loop: settings
    of `TrainLoop` that the config does not hold. hooks: more hooks. loggers: beside TensorBoard.
    """
    cfg.work_dir = str(folder)  # MLflow uploads the log from there
    settings = dict(cfg.train_cfg)
    for name in ("by_epoch", "min_steps", "average", "accumulate"):
        settings.pop(name, None)
    patience = settings.pop("patience", None)
    if patience:
        hooks = [Patience(history, patience), *hooks]
    train_loader = _train_loader(cfg, datasets[0])
    runner = QuietRunner(
        model=model,
        work_dir=str(folder),
        train_dataloader=train_loader,
        val_dataloader=_val_loader(cfg, datasets[1]),
        train_cfg={"by_epoch": True, **settings},
        val_cfg=cfg.val_cfg,
        val_evaluator=cfg.val_evaluator,
        optim_wrapper=cfg.optim_wrapper,
        param_scheduler=cfg.param_scheduler,
        default_hooks={"runtime_info": {"type": "Position"}, "sampler_seed": None, "checkpoint": None},
        custom_hooks=[history, Progress(history), *hooks, *cfg.get("custom_hooks", [])],
        visualizer={"type": "Visualizer", "vis_backends": backends(loggers, folder)},
        randomness=cfg.get("randomness", {}),
        env_cfg={"resource_limit": _OPEN_FILES, **cfg.get("env_cfg", {})},
        default_scope="mmdet",
        experiment_name=f"{config_name(cfg)}-{time.time_ns()}",  # mmengine allows one runner per name in a process
        cfg=cfg,
    )
    runner._train_loop = TrainLoop(runner, train_loader, **loop, **settings)  # from a config, it would get copies
    return runner


def _train_loader(cfg: Config, dataset: FaceDataset) -> DataLoader:
    loader = cfg.train_dataloader
    if loader.sampler.type != "OrderSampler":
        raise ValueError(f"train_dataloader.sampler.type is {loader.sampler.type}, not OrderSampler")
    rank, world_size = world()
    settings = {name: value for name, value in loader.sampler.items() if name not in ("type", "scales")}
    sampler = OrderSampler(
        len(dataset),
        loader.batch_size,
        cfg.train_cfg.max_epochs,
        cfg.randomness.seed,
        rank=rank,
        world_size=world_size,
        accumulate=cfg.train_cfg.accumulate,
        parts=dataset.parts,
        sizes=[view_side(scale * cfg.input_size) for scale in loader.sampler.get("scales", ())],
        **settings,
    )
    return _loader(loader, dataset, sampler)


def view_side(side: float) -> int:
    """The side of a view, pixels, that the network can take: the nearest to the wanted one."""
    # at least two: oneDNN's gradient of a strided bfloat16 convolution of one pixel is uninitialised memory
    return max(2, round(side / _STRIDE)) * _STRIDE


def _val_loader(cfg: Config, dataset: FaceDataset) -> DataLoader:
    return _loader(cfg.val_dataloader, dataset, DefaultSampler(dataset, shuffle=False))


def _loader(settings: Any, dataset: FaceDataset, sampler: Sampler) -> DataLoader:
    options = {name: value for name, value in settings.items() if name not in ("dataset", "sampler")}
    return DataLoader(
        dataset,
        sampler=sampler,
        collate_fn=pseudo_collate,
        worker_init_fn=leave_signals_to_the_main_process,
        persistent_workers=settings["num_workers"] > 0,
        pin_memory=is_cuda_available(),
        **options,
    )
