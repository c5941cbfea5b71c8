"""The weights that training starts from."""

from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import nn

from data.errors import UserError
from weights.checkpoint import fill, read_checkpoint

_IMAGENET = "IMAGENET1K_V1"  # the recipe's; later versions were trained for other inputs


def load_initial(model: nn.Module, source: str) -> str:
    """Fill the model from `source` and say in a phrase what was loaded.

    source: a checkpoint of this project, `torchvision:resnet152` (the backbone alone, from ImageNet, downloaded once)
    or `random` for the random weights it has. Raises UserError.
    """
    if source == "random":
        return "random weights"
    if source.startswith("torchvision:"):
        return _load_imagenet(model, source.removeprefix("torchvision:"))
    _, state = read_checkpoint(Path(source))
    fill(model, state, source)
    return f"all weights of {source}"


def _load_imagenet(model: nn.Module, name: str) -> str:
    try:
        weights = torchvision.models.get_model_weights(name)[_IMAGENET]
    except (ValueError, KeyError) as error:
        raise UserError(f"torchvision:{name}: torchvision has no such weights") from error
    try:
        state = weights.get_state_dict(progress=True, check_hash=True, weights_only=True)
    except (OSError, RuntimeError) as error:
        raise UserError(
            f"torchvision:{name}: cannot be downloaded ({error}); give --weights FILE, or --weights random"
        ) from error
    return _fill_backbone(model, {k: v for k, v in state.items() if not k.startswith("fc.")}, name)


def _fill_backbone(model: Any, state: dict[str, torch.Tensor], name: str) -> str:
    fill(model.backbone, state, f"torchvision:{name}")
    return f"ImageNet weights of {name} in the backbone, the rest random"
