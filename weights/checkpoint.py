"""Checkpoints on disk: read without running anything in them, written beside and renamed."""

import hashlib
import pickle
from pathlib import Path
from typing import Any, TypeGuard

import torch
from mmengine.config import Config
from torch import Tensor, nn

from facedet.core.common.errors import UserError, first_line
from facedet.core.common.files import write_beside
from facedet.core.detector.config import config_from_facts

FACTS = "facedet"  # the key of a checkpoint's `meta` that holds `network_facts`


def read_torch_file(path: Path) -> dict[str, Any]:
    """The content of a torch file of tensors and plain values. Raises UserError; nothing in the file is executed."""
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(f"{path}: refused: not a checkpoint of weights and plain values, or damaged") from error
    except Exception as error:  # a damaged file makes torch raise kinds of every sort
        raise UserError(f"{path}: not a checkpoint, or damaged ({first_line(error)})") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: not a checkpoint (it holds a {type(content).__name__})")
    return content


def write_torch_file(content: dict[str, Any], path: Path) -> None:
    """Write beside `path` and rename, so that the name never stands for half a file. Raises UserError."""
    try:
        with write_beside(path) as beside:
            torch.save(content, beside)
    except RuntimeError as error:  # how torch reports a full disk
        raise UserError(f"{path}: cannot be written ({error})") from error


def read_checkpoint(path: Path) -> tuple[Config, dict[str, torch.Tensor]]:
    """The config and the weights of one of this project's checkpoints. Raises UserError."""
    content = read_torch_file(path)
    return config_from_checkpoint(content, path), content["state_dict"]


def config_from_checkpoint(content: dict[str, Any], path: Path) -> Config:
    """The config of a checkpoint's network. content: what `read_torch_file` gave. Raises UserError."""
    facts = (content.get("meta") or {}).get(FACTS) if isinstance(content.get("meta"), dict) else None
    if facts is None or not is_state_dict(content.get("state_dict")):
        raise UserError(f"{path}: not a checkpoint of this project (its meta names no '{FACTS}' network)")
    try:
        return config_from_facts(facts)
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}: its network's description is damaged ({error})") from error


def is_state_dict(state: Any) -> TypeGuard[dict[str, Tensor]]:
    """Whether it is tensors by name."""
    return isinstance(state, dict) and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in state.items())


def load_weights(model: nn.Module, state: dict[str, torch.Tensor], source: str, hint: str = "") -> None:
    """Load every tensor into the model. Raises UserError that names what does not fit, the model untouched."""
    missing, unknown, shapes = weight_mismatches(model, state)
    if missing or unknown or shapes:
        target = model.state_dict()
        told = [f"{len(missing)} missing ({some(missing)})"] if missing else []
        told += [f"{len(unknown)} unknown ({some(unknown)})"] if unknown else []
        if shapes:
            k = shapes[0]
            told += [f"{len(shapes)} of another shape ({k}: {list(state[k].shape)} for {list(target[k].shape)})"]
        raise UserError(f"{source}: weights of another architecture: {', '.join(told)}{hint}")
    model.load_state_dict(state)


def weight_mismatches(model: nn.Module, state: dict[str, torch.Tensor]) -> tuple[list[str], list[str], list[str]]:
    """Names, sorted, that the model has and `state` has not; the reverse; and those of another shape."""
    target = model.state_dict()
    shapes = [k for k in target.keys() & state.keys() if target[k].shape != state[k].shape]
    return sorted(target.keys() - state.keys()), sorted(state.keys() - target.keys()), sorted(shapes)


def some(names: list[str]) -> str:
    """The first of them, for a line."""
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
