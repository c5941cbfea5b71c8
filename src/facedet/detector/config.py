"""Configs: find by name or path, read, check for unknown keys; convert to and from the network that a file stores."""

import difflib
import sys
from collections.abc import Iterable
from functools import reduce
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.utils import import_modules_from_strings

from facedet.common.errors import UserError, first_line
from facedet.detector.config_file import find_config
from facedet.detector.stored_network import StoredNetwork, plain

_KEYS = {
    "default_scope", "custom_imports", "input_size", "model", "initial_weights", "train_dataloader", "val_dataloader",
    "val_evaluator", "optim_wrapper", "param_scheduler", "train_cfg", "val_cfg", "randomness", "env_cfg",
    "auto_scale_lr", "custom_hooks",
}  # fmt: skip

_NESTED = {
    "auto_scale_lr": {"enable", "base_batch_size"},
    "model.train_cfg": {"assigner"},
    "model.test_cfg": {"score_thr", "nms", "max_per_img"},
    "model.test_cfg.nms": {"type", "iou_threshold"},
}


def load_config(config: str | Path) -> Config:
    """Read a config by its name in configs/ (`tiny`) or by path. Raises UserError."""
    path = find_config(config)
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
    return StoredNetwork(config_name(config), config.input_size, plain(config.model.to_dict())).to_json()


def network_config(stored: StoredNetwork, source: str | Path, config: Config | None = None) -> Config:
    """The config to build a stored network from, with `input_size` and `model` only. Raises UserError.

    The file may come from an untrusted source, and types run code. So the network must be one that a file may ask for,
    or the caller passes a trusted `config` with an equal one. source: the file, for the message.
    """
    if config is not None:
        difference = stored.difference(StoredNetwork.from_json(network_to_json(config)))
        if difference:
            raise UserError(f"{source}: its network differs from {config.filename}: {difference} there")
    elif stored.problem:
        raise UserError(
            f"{source}: its network {stored.problem}, which a file may not ask for by itself; give the config that it "
            "was trained with: --config FILE"
        )
    network: dict[str, Any] = {"input_size": stored.input_size, "model": stored.model}
    if config is None:
        return Config(network, cfg_text=stored.to_json(), filename=f"{stored.name}.py")
    network["custom_imports"] = config.get("custom_imports")
    return Config(network, cfg_text=stored.to_json(), filename=config.filename)


def import_custom(config: Config) -> None:
    """Import the user's modules that `custom_imports` names, so that they register their types.

    They are also found next to the config. Raises UserError if one is not found.
    """
    given = config.get("custom_imports") or {}
    own = [name for name in given.get("imports", []) if not name.startswith("facedet.")]
    folder = str(Path(config.filename or "").resolve().parent)
    sys.path.insert(0, folder)
    try:
        import_modules_from_strings(own, given.get("allow_failed_imports", False))
    except ImportError as error:
        reason = first_line(error.__context__ or error)
        raise UserError(f"{config.filename}: custom_imports: {first_line(error)} ({reason})") from error
    finally:
        sys.path.remove(folder)


def _check_keys(config: Config, path: str) -> None:
    _refuse_unknown([key for key in config if not key.startswith("_")], _KEYS, path)
    missing = [key for key in ("input_size", "model") if key not in config]
    if missing:
        raise UserError(
            f"{path}: '{missing[0]}' is missing; start the file with _base_ = one of the configs in configs/"
        )
    _check_selection(config.model.get("test_cfg") or {}, f"{path}: model.test_cfg")
    for name, known in _NESTED.items():
        node = reduce(lambda outer, key: outer.get(key) or {}, name.split("."), config)
        _refuse_unknown(node, known, f"{path}: {name}")
    if not isinstance(config.input_size, int) or config.input_size < 64:
        raise UserError(f"{path}: input_size {config.input_size!r} is not a number of pixels; give 64 or more")
    try:
        network_to_json(config)
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}: model: refer to types by name ({first_line(error)})") from error


def _check_selection(rule: Any, where: str) -> None:
    """Check how boxes are selected: the detector, exports and postprocess.py support only this NMS."""
    nms = rule.get("nms") or {}
    if nms.get("type", "nms") != "nms":
        raise UserError(f"{where}.nms: type '{nms['type']}' is not supported: exports compute 'nms'; give that")
    missing = [key for key in ("score_thr", "max_per_img") if key not in rule]
    missing += ["nms.iou_threshold"] if "iou_threshold" not in nms else []
    if missing:
        raise UserError(f"{where}: '{missing[0]}' is missing")


def _refuse_unknown(keys: Iterable[str], known: set[str], where: str) -> None:
    for key in keys:
        if key not in known:
            similar = difflib.get_close_matches(key, known, n=1)
            hint = f"; did you mean '{similar[0]}'?" if similar else ""
            raise UserError(f"{where}: unknown key '{key}'{hint} (names of helper variables start with _)")
