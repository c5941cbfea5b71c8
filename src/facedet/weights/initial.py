"""Weights from which training starts."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.config import Config
from torch import Tensor, nn

from facedet.common.errors import UserError
from facedet.common.files import sha256
from facedet.common.progress import ByteProgress, Tell, silent_bytes, tell_nobody
from facedet.detector.config import network_config
from facedet.weights.checkpoint import first_names, load_weights, stored_network, weight_mismatches
from facedet.weights.imagenet import backbone_weights, read_imagenet
from facedet.weights.names import PREFIX
from facedet.weights.torch_file import read_torch_file
from facedet.weights.training_record import Ancestor, lineage_of, record_of


@dataclass(frozen=True)
class Initial:
    """Weights by name, for the whole detector or, if `backbone` is true, for its backbone only.

    config: of the network they were trained in, if they come from a checkpoint of this project. before: what these
    weights were trained from, newest first. licence: of the data they were trained on, see `UsedData`.
    """

    source: str
    state: dict[str, Tensor] = field(default_factory=dict, repr=False)
    backbone: bool = False
    config: Config | None = None
    before: list[Ancestor] = field(default_factory=list)
    licence: str | None = None

    def lineage(self, loaded: str) -> list[Ancestor]:
        """What a network is trained from, newest first. loaded: what `load` returned."""
        path = Path(self.source)
        if not path.is_file():
            return [Ancestor(loaded)]
        return [Ancestor(loaded.replace(self.source, path.name), sha256(path), self.licence), *self.before]

    @property
    def frozen_norms(self) -> bool:
        """Whether batch normalization must stay in eval mode: an import without running mean and variance."""
        means = [tensor for name, tensor in self.state.items() if name.endswith("running_mean")]
        marked = self.config is not None and self.config.model.backbone.get("norm_eval", False)
        return marked and not any(mean.any() for mean in means)

    def load(self, model: nn.Module, partial: bool = False) -> str:
        """Load the weights into the model. Returns a phrase that describes what was loaded and what was left out.

        partial: load the weights that fit by name and shape, keep the rest of the model. Raises UserError if nothing
        fits, or without `partial` if not everything fits.
        """
        if self.source == "random":
            return "random weights"
        target: Any = model.backbone if self.backbone else model
        loaded = f"{self.source} in the backbone, the rest random" if self.backbone else f"all weights of {self.source}"
        if partial and self.frozen_norms:
            raise UserError(
                f"{self.source}: its batch normalization is frozen, --allow-partial would mix it with random layers; "
                "import the model again with --calibrate"
            )
        if not partial:
            load_weights(target, self.state, self.source, hint="; --allow-partial loads those that fit")
            return f"{loaded}{', batch normalization frozen' if self.frozen_norms else ''}"
        missing, unknown, shapes = weight_mismatches(target, self.state)
        fitting = {name: tensor for name, tensor in self.state.items() if name not in {*unknown, *shapes}}
        if not fitting:
            raise UserError(f"{self.source}: none of its weights fits this network")
        target.load_state_dict(fitting, strict=False)
        loaded = f"{len(fitting)} of the network's {len(target.state_dict())} weights from {self.source}"
        reasons = ((shapes, "with a different shape"), (missing, "not in the file"), (unknown, "not in the network"))
        for names, reason in reasons:
            if names:
                loaded += f"; {len(names)} {reason} ({first_names(names)})"
        return loaded


def read_initial(
    source: str,
    config: Config | None = None,
    *,
    progress: ByteProgress = silent_bytes,
    tell: Tell = tell_nobody,
) -> Initial:
    """Read the weights to start from. Raises UserError.

    source: a checkpoint of this project; `torchvision:NAME`, such as `torchvision:resnet152`, for ImageNet weights of
    the backbone, downloaded once; a local file of such weights; or `random` to keep the network's own random weights.
    config: as for `initial_from`. progress, tell: of the download.
    """
    if source == "random":
        return Initial(source)
    if source.startswith(PREFIX):
        return Initial(source, read_imagenet(source.removeprefix(PREFIX), progress, tell), backbone=True)
    return initial_from(read_torch_file(Path(source)), source, config)


def initial_from(content: dict[str, Any], source: str, config: Config | None = None) -> Initial:
    """The weights in the content of a torch file. source: its name in messages. Raises UserError.

    config: the one to train. A network with types that a checkpoint alone may not name must be the one of this config.
    """
    backbone = backbone_weights(content)
    if backbone is not None:
        return Initial(source, backbone, backbone=True)
    stored = stored_network(content, Path(source))
    trained = network_config(stored, source, config if stored.problem else None)
    meta = content["meta"]
    record = record_of(meta)
    licence = record.train.licence if record and record.train else None
    return Initial(source, content["state_dict"], config=trained, before=lineage_of(meta), licence=licence)
