"""Scale a config's schedule to another number of epochs."""

from mmengine.config import Config

_IN_EPOCHS = ("begin", "end", "T_max")


def set_epochs(config: Config, epochs: int) -> None:
    """Set the number of epochs in place. Schedules in epochs are scaled with it; schedules in iterations stay."""
    scale = epochs / config.train_cfg.max_epochs
    config.train_cfg.max_epochs = epochs
    config.train_cfg.val_interval = max(1, round(config.train_cfg.val_interval * min(scale, 1)))
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
