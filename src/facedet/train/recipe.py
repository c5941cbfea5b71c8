"""Recipes: settings of training for one purpose, in place of those of a config."""

from pathlib import Path
from typing import Any

from mmengine.config import Config

from facedet.common.errors import UserError
from facedet.detector.config import import_custom, load_config, network_config
from facedet.train.options import TrainingOptions
from facedet.weights.checkpoint import stored_network
from facedet.weights.torch_file import read_torch_file

_WITH_NORM_EVAL = ("ResNet", "ResNeXt", "MobileNetV2")
_BASE = "finetune"  # gives views and loaders where no config is given
# Measured with a half-trained `tiny` and 15 photographs, in bench/results/continue.txt.
_CONTINUE: dict[str, Any] = {
    "optim_wrapper": dict(
        type="OptimWrapper",
        optimizer=dict(type="AdamW", lr=1e-4, weight_decay=0.05),
        paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
        clip_grad=dict(max_norm=35, norm_type=2),
    ),
    "auto_scale_lr": dict(enable=False),
    "param_scheduler": [
        dict(type="LinearLR", start_factor=0.01, by_epoch=True, begin=0, end=1, convert_to_iter_based=True),
        dict(type="CosineAnnealingLR", by_epoch=True, begin=1, eta_min_ratio=0.01, convert_to_iter_based=True),
    ],
    "train_cfg": dict(by_epoch=True, max_epochs=10, val_interval=1, average=0.99),
}


def config_of(options: TrainingOptions) -> Config:
    """The config of a run, by the recipe if one is chosen. Raises UserError."""
    if options.recipe is None:
        assert options.config is not None  # TrainingOptions refuses it
        return load_config(options.config)
    cfg = _config_of_checkpoint(Path(str(options.weights)), options.config)
    for key, value in _CONTINUE.items():
        cfg[key] = value
    backbone = cfg.model.backbone
    if "norm_eval" in backbone or backbone.type in _WITH_NORM_EVAL:  # too few images for new running statistics
        backbone.norm_eval = True
    return cfg


def _config_of_checkpoint(path: Path, config: str | Path | None) -> Config:
    """The config of which only the network counts: the checkpoint's own, which a given config must describe too."""
    stored = stored_network(read_torch_file(path), path)
    if config:
        cfg = load_config(config)
        import_custom(cfg)
        network_config(stored, path, cfg)
        return cfg
    if stored.problem:
        raise UserError(
            f"{path}: its network {stored.problem}; give its config: facedet train CONFIG --recipe continue"
        )
    network = network_config(stored, path)
    settings = {**load_config(_BASE).to_dict(), "input_size": network.input_size, "model": network.model}
    return Config(settings, cfg_text=stored.to_json(), filename=network.filename)  # without, mmengine reads the file
