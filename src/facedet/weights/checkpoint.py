"""Checkpoints of this project: their network and their weights."""

from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torch import nn

from facedet.common.errors import UserError
from facedet.detector.config import network_config
from facedet.detector.stored_network import StoredNetwork
from facedet.weights.graph_facts import SECTION
from facedet.weights.torch_file import is_state_dict, read_torch_file

META_KEY = SECTION  # the key in a checkpoint's `meta` whose value is the text of `network_to_json`


def read_checkpoint(path: Path, config: Config | None = None) -> tuple[Config, dict[str, torch.Tensor]]:
    """Read the config and the weights of a checkpoint of this project. Raises UserError.

    config: as for `network_config`.
    """
    content = read_torch_file(path)
    return config_from_checkpoint(content, path, config), content["state_dict"]


def config_from_checkpoint(content: dict[str, Any], path: Path, config: Config | None = None) -> Config:
    """The config of a checkpoint's network. Raises UserError.

    content: the result of `read_torch_file`. config: as for `network_config`.
    """
    return network_config(stored_network(content, path), path, config)


def stored_network(content: dict[str, Any], path: Path) -> StoredNetwork:
    """What a checkpoint says about its network. content: the result of `read_torch_file`. Raises UserError."""
    meta = content.get("meta")
    network = meta.get(META_KEY) if isinstance(meta, dict) else None
    if network is None or not is_state_dict(content.get("state_dict")):
        raise UserError(f"{path}: not a checkpoint of this project (it needs meta['{META_KEY}'] and a state_dict)")
    try:
        return StoredNetwork.from_json(network)
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}: the description of its network is damaged ({error})") from error


def load_weights(model: nn.Module, state: dict[str, torch.Tensor], source: str, hint: str = "") -> None:
    """Load every tensor into the model.

    Raises UserError if names or shapes differ; the model is then unchanged. source, hint: start and end of the message.
    """
    missing, unknown, shapes = weight_mismatches(model, state)
    if missing or unknown or shapes:
        differences = [f"{len(missing)} missing ({first_names(missing)})"] if missing else []
        differences += [f"{len(unknown)} unknown ({first_names(unknown)})"] if unknown else []
        if shapes:
            name, expected = shapes[0], model.state_dict()[shapes[0]].shape
            example = f"{name}: {list(state[name].shape)} instead of {list(expected)}"
            differences += [f"{len(shapes)} with a different shape ({example})"]
        raise UserError(f"{source}: weights of another architecture: {', '.join(differences)}{hint}")
    model.load_state_dict(state)


def weight_mismatches(model: nn.Module, state: dict[str, torch.Tensor]) -> tuple[list[str], list[str], list[str]]:
    """Sorted names: those only in the model, those only in `state`, and those with a different shape."""
    target = model.state_dict()
    shapes = [k for k in target.keys() & state.keys() if target[k].shape != state[k].shape]
    return sorted(target.keys() - state.keys()), sorted(state.keys() - target.keys()), sorted(shapes)


def first_names(names: list[str]) -> str:
    """The first three names, for use in a one-line message."""
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
