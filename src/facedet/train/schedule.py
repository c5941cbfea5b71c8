"""Fit a config's schedule to another number of epochs, a small dataset or another batch size."""

import math

from mmengine.config import Config

_IN_EPOCHS = ("begin", "end", "T_max")


def set_epochs(config: Config, epochs: int) -> None:
    """Set the number of epochs in place. Schedules in epochs are scaled with it; schedules in steps stay.

    The number of validations stays too, as long as there are enough epochs.
    """
    scale = epochs / config.train_cfg.max_epochs
    config.train_cfg.max_epochs = epochs
    config.train_cfg.val_interval = max(1, round(config.train_cfg.val_interval * scale))
    kept = []
    for step in config.param_scheduler:
        if step.get("by_epoch", True):
            for key in _IN_EPOCHS:
                if key in step:
                    at_least = min(step[key], 1, epochs - 1)  # a warm-up keeps one epoch
                    step[key] = max(round(step[key] * scale), at_least)
            if "T_max" in step:  # a cosine ends with training, wherever rounding put its start
                step["end"], step["T_max"] = epochs, epochs - step["begin"]
            if "milestones" in step:
                step["milestones"] = sorted({round(m * scale) for m in step["milestones"]})
            if step.get("end", epochs) <= step.get("begin", 0):
                continue
        kept.append(step)
    config.param_scheduler = kept


def set_accumulation(config: Config, accumulate: int) -> None:
    """Let the schedules in steps of the optimizer run in iterations, in place: `accumulate` of them make a step."""
    for step in config.param_scheduler:
        if not step.get("by_epoch", True):
            for key in _IN_EPOCHS:
                if key in step:
                    step[key] *= accumulate


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
