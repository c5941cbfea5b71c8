"""ImageNet weights of torchvision, for backbones of mmdet."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

import torch.hub
import torchvision
from torch import Tensor

from facedet.common.errors import UserError
from facedet.common.progress import ByteProgress, Tell, silent_bytes, tell_nobody
from facedet.weights.download import Remote, download
from facedet.weights.names import MOBILENETS, RESNETS, check_network
from facedet.weights.torch_file import is_state_dict, read_torch_file
from facedet.weights.transfer import Limits

_IMAGENET = "IMAGENET1K_V1"  # as in the released recipe; later versions were trained at other input sizes


@dataclass(frozen=True)
class Family:
    """Networks of torchvision that mmdet has as a backbone.

    networks: pattern of torchvision's names of them. signature: names of tensors that every file of the family has.
    rename: torchvision's name of a tensor -> mmdet's; None for the classifier, which a backbone does not have.
    checksums: SHA-256 of the files of some networks; those of the others begin with the digits in their file names.
    """

    networks: str
    signature: frozenset[str]
    rename: Callable[[str], str | None]
    checksums: Mapping[str, str] = field(default_factory=dict)


def _resnet_name(name: str) -> str | None:
    return None if name.startswith("fc.") else name


_LAST = 18  # of MobileNetV2's features, the convolution after the blocks
_FIRST_BLOCKS = list(accumulate([1, 1, 2, 3, 4, 3, 3]))  # of mmdet's layers 1 to 7
_OUTSIDE = {"0": "conv", "1": "bn"}
_FIRST_BLOCK = {
    "conv.0.0": "depthwise_conv.conv",
    "conv.0.1": "depthwise_conv.bn",
    "conv.1": "linear_conv.conv",
    "conv.2": "linear_conv.bn",
}
_BLOCK = {
    "conv.0.0": "expand_conv.conv",
    "conv.0.1": "expand_conv.bn",
    "conv.1.0": "depthwise_conv.conv",
    "conv.1.1": "depthwise_conv.bn",
    "conv.2": "linear_conv.conv",
    "conv.3": "linear_conv.bn",
}


def _mobilenet_v2_name(name: str) -> str | None:
    found = re.fullmatch(r"features\.(\d+)\.([\w.]+)\.(\w+)", name)
    if not found:
        return None
    index, part, tensor = int(found[1]), found[2], found[3]
    if index in (0, _LAST):
        return f"conv{1 if index == 0 else 2}.{_OUTSIDE.get(part, part)}.{tensor}"
    layer, first = max((k, first) for k, first in enumerate(_FIRST_BLOCKS, 1) if first <= index)
    parts = _FIRST_BLOCK if index == 1 else _BLOCK
    return f"layer{layer}.{index - first}.{parts.get(part, part)}.{tensor}"


FAMILIES = (
    Family(
        RESNETS,
        frozenset({"conv1.weight", "layer1.0.conv1.weight"}),
        _resnet_name,
    ),
    Family(
        MOBILENETS,
        frozenset({"features.0.0.weight", "features.1.conv.0.0.weight", f"features.{_LAST}.0.weight"}),
        _mobilenet_v2_name,
        {"mobilenet_v2": "b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889"},
    ),
)


def backbone_weights(content: dict) -> dict[str, Tensor] | None:
    """The weights of a file of torchvision's under mmdet's names; None if it is of no family above.

    content: the result of `read_torch_file`.
    """
    for family in FAMILIES:
        if family.signature <= content.keys() and is_state_dict(content):
            renamed = {family.rename(name): tensor for name, tensor in content.items()}
            return {name: tensor for name, tensor in renamed.items() if name is not None}
    return None


def imagenet_file(
    name: str, limits: Limits | None = None, progress: ByteProgress = silent_bytes, tell: Tell = tell_nobody
) -> Path:
    """torchvision's file of a network, downloaded once into torch's cache. Raises UserError.

    Its SHA-256 is checked each time: all of it, or the eight digits that torchvision's file names contain. limits,
    progress, tell: see `download`.
    """
    check_network(name)
    family = next(each for each in FAMILIES if re.fullmatch(each.networks, name))
    url = _address(name)
    path = Path(torch.hub.get_dir(), "checkpoints", url.rsplit("/", 1)[1])
    remote = Remote(
        url=url,
        target=path,
        algorithm="sha256",
        checksum=family.checksums.get(name, path.stem.rsplit("-", 1)[1]),
        title=f"torchvision's file of {name}",
        if_taken="remove it",
        if_refused="give --weights FILE or --weights random",
    )
    download(remote, limits=limits, progress=progress, tell=tell)
    return path


def _address(name: str) -> str:
    return torchvision.models.get_model_weights(name)[_IMAGENET].url


def read_imagenet(name: str, progress: ByteProgress = silent_bytes, tell: Tell = tell_nobody) -> dict[str, Tensor]:
    """The ImageNet weights of torchvision's network `name`, under mmdet's names. Raises UserError."""
    path = imagenet_file(name, progress=progress, tell=tell)
    weights = backbone_weights(read_torch_file(path))
    if weights is None:
        raise UserError(f"{path}: does not have the tensors of torchvision's {name}; remove it")
    return weights
