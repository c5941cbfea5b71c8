"""Configs: found by name or path, read by mmengine, checked for names that nothing would read."""

import difflib
import json
from pathlib import Path

from mmengine.config import Config

from data.errors import UserError, first_line

FOLDER = Path(__file__).parent.parent / "configs"
_KEYS = {
    "default_scope", "custom_imports", "input_size", "model", "initial_weights", "train_dataloader", "val_dataloader",
    "val_evaluator", "optim_wrapper", "param_scheduler", "train_cfg", "val_cfg", "randomness", "env_cfg",
    "log_processor", "auto_scale_lr", "custom_hooks", "visualizer",
}  # fmt: skip


def load_config(config: str | Path) -> Config:
    """Read a config by the name of one in configs/ (`tiny`) or by path. Raises UserError."""
    path = Path(config)
    if not path.suffix and (FOLDER / f"{path.name}.py").is_file() and not path.exists():
        path = FOLDER / f"{path.name}.py"
    if not path.is_file():
        names = ", ".join(sorted(p.stem for p in FOLDER.glob("*.py")))
        raise UserError(f"{config}: no such config; give a file or one of {names}")
    try:
        loaded = Config.fromfile(path, import_custom_modules=False)
    except Exception as error:  # a config is Python: anything can go wrong in it
        raise UserError(f"{path}: not a config ({type(error).__name__}: {first_line(error)})") from error
    _check_keys(loaded, str(path))
    return loaded


def config_name(config: Config) -> str:
    """The config's name: its file's, without folder and ending."""
    return Path(config.filename or "unnamed").stem


def network_facts(config: Config) -> str:
    """What a checkpoint must carry of its config to be rebuilt, exported and checked, as JSON text."""
    return json.dumps(
        {"name": config_name(config), "input_size": config.input_size, "model": config.model.to_dict()}, sort_keys=True
    )


def config_from_facts(text: str) -> Config:
    """The config that `network_facts` wrote. Raises ValueError if it is not of that form."""
    facts = json.loads(text)
    if not isinstance(facts, dict) or not {"name", "input_size", "model"} <= facts.keys():
        raise ValueError("not a detector's config")
    _refuse_imports(facts["model"])
    content = {"input_size": int(facts["input_size"]), "model": facts["model"]}
    return Config(content, cfg_text=text, filename=f"{facts['name']}.py")


def _refuse_imports(node: object) -> None:
    # mmengine imports a dotted type by its path: a checkpoint from a stranger must not name `os.system`
    if isinstance(node, dict):
        if "." in str(node.get("type", "")):
            raise ValueError(f"type {node['type']!r} is not one of the detector's modules")
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            _refuse_imports(child)


def _check_keys(config: Config, path: str) -> None:
    for key in config:
        if key not in _KEYS and not key.startswith("_"):
            near = difflib.get_close_matches(key, _KEYS, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise UserError(f"{path}: unknown key '{key}'{hint} (helper variables begin with _)")
    missing = [key for key in ("input_size", "model") if key not in config]
    if missing:
        raise UserError(f"{path}: has no '{missing[0]}'; begin it with _base_ = one of the configs in configs/")
