"""Configs: find by name or path, read, check for unknown keys; the network's part of a config as JSON."""

import difflib
import json
from collections.abc import Iterable
from functools import reduce
from pathlib import Path
from typing import Any

from mmengine.config import Config

from facedet.common.errors import UserError, first_line
from facedet.configs import FOLDER

_KEYS = {
    "default_scope", "custom_imports", "input_size", "model", "initial_weights", "train_dataloader", "val_dataloader",
    "val_evaluator", "optim_wrapper", "param_scheduler", "train_cfg", "val_cfg", "randomness", "env_cfg",
    "auto_scale_lr", "custom_hooks",
}  # fmt: skip

_NESTED = {
    "auto_scale_lr": {"enable", "base_batch_size"},
    "model.train_cfg": {"assigner"},
    "model.test_cfg": {"score_thr", "nms", "max_per_img"},
}
_TYPES = {
    "ATSS", "DetDataPreprocessor", "ResNet", "RSSHFPN", "FaceATSSHead", "ATSSAssigner", "FaceATSSAssigner",
    "AnchorGenerator", "DeltaXYWHBBoxCoder", "FocalLoss", "CrossEntropyLoss", "IoULoss", "GIoULoss", "DIoULoss",
    "CIoULoss", "nms", "BN", "SyncBN", "GN",
}  # fmt: skip


def load_config(config: str | Path) -> Config:
    """Read a config by its name in configs/ (`tiny`) or by path. Raises UserError."""
    path = Path(config)
    if not path.suffix and (FOLDER / f"{path.name}.py").is_file() and not path.is_file():
        path = FOLDER / f"{path.name}.py"
    if not path.is_file():
        names = ", ".join(sorted(p.stem for p in FOLDER.glob("[!_]*.py")))
        raise UserError(f"{config}: no such config; give a file or one of {names}")
    try:
        loaded = Config.fromfile(path, import_custom_modules=False)
    except Exception as error:  # a config is Python code: it can raise anything
        raise UserError(f"{path}: not a config ({type(error).__name__}: {first_line(error)})") from error
    _check_keys(loaded, str(path))
    return loaded


def config_name(config: Config) -> str:
    """The name of a config: its file name without suffix."""
    return Path(config.filename or "unnamed").stem


def network_to_json(config: Config) -> str:
    """The part of a config that is needed to rebuild its network, as JSON text. Checkpoints and exports store it."""
    model = _plain(config.model.to_dict())
    return json.dumps({"name": config_name(config), "input_size": config.input_size, "model": model}, sort_keys=True)


def network_from_json(text: str) -> Config:
    """The config that `network_to_json` wrote, with `input_size` and `model` only. Raises ValueError for other text."""
    content = json.loads(text)
    if not isinstance(content, dict) or not {"name", "input_size", "model"} <= content.keys():
        raise ValueError("not a detector's config")
    size, model = content["input_size"], _plain(content["model"])
    if not isinstance(size, int) or not isinstance(model, dict) or not {"backbone", "bbox_head"} <= model.keys():
        raise ValueError("not a detector's config")
    return Config({"input_size": size, "model": model}, cfg_text=text, filename=f"{content['name']}.py")


def _plain(node: Any) -> Any:
    """A model's description without anything that could download or run something: a checkpoint may be untrusted.

    mmengine imports types by their dotted path, some of mmdet's types read files, and `init_cfg` can contain a URL.
    """
    if isinstance(node, list | tuple):
        return [_plain(child) for child in node]
    if not isinstance(node, dict):
        return node
    if node.get("type", "ATSS") not in _TYPES:
        raise ValueError(f"type {node['type']!r} is not allowed; give one of {', '.join(sorted(_TYPES))}")
    return {key: _plain(child) for key, child in node.items() if key not in ("init_cfg", "pretrained")}


def _check_keys(config: Config, path: str) -> None:
    _refuse_unknown([key for key in config if not key.startswith("_")], _KEYS, path)
    missing = [key for key in ("input_size", "model") if key not in config]
    if missing:
        raise UserError(
            f"{path}: '{missing[0]}' is missing; start the file with _base_ = one of the configs in configs/"
        )
    for name, known in _NESTED.items():
        node = reduce(lambda outer, key: outer.get(key) or {}, name.split("."), config)
        _refuse_unknown(node, known, f"{path}: {name}")
    if not isinstance(config.input_size, int) or config.input_size < 64:
        raise UserError(f"{path}: input_size {config.input_size!r} is not a number of pixels; give 64 or more")
    try:
        network_to_json(config)
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}: {first_line(error)}") from error


def _refuse_unknown(keys: Iterable[str], known: set[str], where: str) -> None:
    for key in keys:
        if key not in known:
            similar = difflib.get_close_matches(key, known, n=1)
            hint = f"; did you mean '{similar[0]}'?" if similar else ""
            raise UserError(f"{where}: unknown key '{key}'{hint} (names of helper variables start with _)")
