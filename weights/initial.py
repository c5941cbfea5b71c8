"""The weights that training starts from."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torchvision
from mmengine.config import Config
from torch import Tensor, nn

from facedet.core.common.errors import UserError
from facedet.core.weights.checkpoint import (
    config_from_checkpoint,
    is_state_dict,
    load_weights,
    read_torch_file,
    some,
    weight_mismatches,
)

_IMAGENET = "IMAGENET1K_V1"  # the recipe's; later versions were trained for other inputs


@dataclass(frozen=True)
class Initial:
    """Weights by name, for the whole detector or, if `backbone` is true, for its backbone alone.

    config: of the network they were trained in, where they come from a checkpoint of this project.
    """

    source: str
    state: dict[str, Tensor] = field(default_factory=dict, repr=False)
    backbone: bool = False
    config: Config | None = None

    @property
    def frozen_norms(self) -> bool:
        """Whether the batch norms must stay in eval mode, identities whose statistics were folded away."""
        means = [tensor for name, tensor in self.state.items() if name.endswith("running_mean")]
        marked = self.config is not None and self.config.model.backbone.get("norm_eval", False)
        return marked and not any(mean.any() for mean in means)

    def load(self, model: nn.Module, partial: bool = False) -> str:
        """Fill the model and say in a phrase what was loaded and what was left.

        partial: take what fits by name and shape, leave the rest as it is. Raises UserError where nothing fits, or,
        without `partial`, not all.
        """
        if self.source == "random":
            return "random weights"
        target: Any = model.backbone if self.backbone else model
        all_of = f"{self.source} in the backbone, the rest random" if self.backbone else f"all weights of {self.source}"
        if partial and self.frozen_norms:
            raise UserError(
                f"{self.source}: its batch norms are frozen, --allow-partial would mix them with random ones; "
                "import it again with --calibrate"
            )
        if not partial:
            load_weights(target, self.state, self.source, hint="; --allow-partial takes those that fit")
            return f"{all_of}{', batch norms frozen' if self.frozen_norms else ''}"
        missing, unknown, shapes = weight_mismatches(target, self.state)
        fitting = {name: tensor for name, tensor in self.state.items() if name not in {*unknown, *shapes}}
        if not fitting:
            raise UserError(f"{self.source}: none of its weights fits this network")
        target.load_state_dict(fitting, strict=False)
        left = f"{len(fitting)} of the network's {len(target.state_dict())} weights from {self.source}"
        for names, why in ((shapes, "of another shape"), (missing, "not in the file"), (unknown, "not in the network")):
            if names:
                left += f"; {len(names)} {why} ({some(names)})"
        return left


def read_initial(source: str) -> Initial:
    """Read the weights to start from. Raises UserError.

    source: a checkpoint of this project; `torchvision:resnet152`, from ImageNet, for the backbone alone, downloaded
    once, or a local file of those weights; or `random` for those that the network has.
    """
    if source == "random":
        return Initial(source)
    if source.startswith("torchvision:"):
        return Initial(source, _download(source.removeprefix("torchvision:")), backbone=True)
    content = read_torch_file(Path(source))
    if {"conv1.weight", "layer1.0.conv1.weight"} <= content.keys() and is_state_dict(content):
        return Initial(source, _without_classifier(content), backbone=True)
    config = config_from_checkpoint(content, Path(source))
    return Initial(source, content["state_dict"], config=config)


def _download(name: str) -> dict[str, Tensor]:
    try:
        weights = torchvision.models.get_model_weights(name)[_IMAGENET]
    except (ValueError, KeyError) as error:
        raise UserError(f"torchvision:{name}: torchvision has no such weights") from error
    try:
        return _without_classifier(weights.get_state_dict(progress=True, check_hash=True, weights_only=True))
    except (OSError, RuntimeError) as error:
        raise UserError(
            f"torchvision:{name}: cannot be downloaded ({error}); give --weights FILE, or --weights random"
        ) from error


def _without_classifier(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in state.items() if not name.startswith("fc.")}
