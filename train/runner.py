"""mmengine's Runner, set up for this project."""

import logging
import time
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.runner import Runner

from facedet.core.detector.config import config_name
from facedet.core.train.dataset import FaceDataset
from facedet.core.train.hooks import History


class QuietRunner(Runner):
    """mmengine's Runner with its log in a file. The terminal shows errors only."""

    def build_logger(self, *args: Any, **kwargs: Any) -> logging.Logger:
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if type(handler) is logging.StreamHandler:
                handler.setLevel(logging.ERROR)
        return logger


def build_runner(
    cfg: Config, model: torch.nn.Module, datasets: list[FaceDataset], history: History, folder: Path, resume: bool
) -> Runner:
    """Build the runner of a training run from its config. folder: the work dir; if `resume`, its last.pth is loaded."""
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
        experiment_name=f"{config_name(cfg)}-{time.time_ns()}",  # mmengine allows one runner per name in a process
        cfg=cfg,
    )
