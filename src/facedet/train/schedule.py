"""Fit a config's schedule to another number of epochs, a small dataset or another batch size."""

import math
from collections.abc import Mapping
from typing import Any

from mmengine.config import Config

from facedet.common.errors import UserError

_IN_EPOCHS = ("begin", "end", "T_max")
_SCALED = {*_IN_EPOCHS, "milestones"}
_WITHOUT_TIME = {  # keys that hold no number of epochs or iterations, nor what happens in each of them
    *("type", "by_epoch", "convert_to_iter_based", "factor", "start_factor", "end_factor", "power"),
    *("eta_min", "eta_min_ratio", "verbose", "param_name"),
}


def set_epochs(config: Config, epochs: int) -> None:
    """Set the number of epochs in place. Schedules in epochs are scaled with it; schedules in steps stay.

    The number of validations stays too, as long as there are enough epochs. Raises UserError for a schedule that it
    cannot scale.
    """
    planned = config.train_cfg.max_epochs
    if epochs == planned:
        return
    for step in config.param_scheduler:
        scaled = _SCALED if step.get("by_epoch", True) else {"begin", "end"}  # a warm-up in steps stays as it is
        _refuse_unknown(step, scaled, f"{epochs} epochs", config)
    scale = epochs / planned
    config.train_cfg.max_epochs = epochs
    config.train_cfg.val_interval = max(1, round(config.train_cfg.val_interval * scale))
    kept = []
    for step in config.param_scheduler:
        if step.get("by_epoch", True):
            if step.get("T_max") == step.get("end", planned) - step.get("begin", 0):
                del step["T_max"]  # the whole schedule, which is what mmengine takes without it
            if step.get("end") == planned:
                del step["end"]  # with training
            for key in _IN_EPOCHS:
                if key in step:
                    at_least = min(step[key], 1, epochs - 1)  # a warm-up keeps one epoch
                    step[key] = max(round(step[key] * scale), at_least)
            if "milestones" in step:
                step["milestones"] = sorted({round(m * scale) for m in step["milestones"]})
            if step.get("end", epochs) <= step.get("begin", 0):
                continue
        kept.append(step)
    config.param_scheduler = kept


def _refuse_unknown(step: Mapping[str, Any], scaled: set[str], target: str, config: Config) -> None:
    known = scaled | _WITHOUT_TIME | ({"gamma"} if "milestones" in step else set())  # once at each milestone
    for key in step:
        if key not in known:
            raise UserError(
                f"{config.filename}: {step['type']}.{key} cannot be scaled to {target}; write the schedule for them "
                "into the config, with train_cfg.max_epochs, accumulate and min_steps=0, not as options"
            )


def set_accumulation(config: Config, accumulate: int) -> None:
    """Let the schedules in steps of the optimizer run in iterations, in place: `accumulate` of them make a step."""
    for step in config.param_scheduler:
        if accumulate > 1 and not step.get("by_epoch", True):
            _refuse_unknown(step, _SCALED, f"{accumulate} iterations in a step", config)
            for key in _IN_EPOCHS:
                if key in step:
                    step[key] *= accumulate
            if "milestones" in step:
                step["milestones"] = [accumulate * milestone for milestone in step["milestones"]]


def set_fewest_steps(config: Config, images: int, effective_batch: int) -> None:
    """Train for more epochs, in place, if the config's `min_steps` of the optimizer need them.

    images: of an epoch. effective_batch: images per step.
    """
    steps = config.train_cfg.get("min_steps") or 0
    epochs = math.ceil(steps / math.ceil(images / effective_batch))
    if epochs > config.train_cfg.max_epochs:
        set_epochs(config, epochs)


def scale_learning_rate(config: Config, effective_batch: int) -> None:
    """Scale the learning rate, in place, from the batch size for which the config states it to the effective one."""
    scaling = config.get("auto_scale_lr") or {}
    if scaling.get("enable"):
        config.optim_wrapper.optimizer.lr *= effective_batch / scaling["base_batch_size"]
