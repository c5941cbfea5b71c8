"""What the name of weights tells without torch, so that a wrong one is refused at once."""

import re
from pathlib import Path

from facedet.common.errors import UserError

PREFIX = "torchvision:"  # of the name of ImageNet weights, before torchvision's name of the network
# torchvision's names of the networks that mmdet has as a backbone too
RESNETS = r"resnet(18|34|50|101|152)|resnext(50_32x4d|101_32x8d|101_64x4d)|wide_resnet(50|101)_2"
MOBILENETS = "mobilenet_v2"


def check_file(path: Path) -> None:
    """Raise UserError if there is no such file, or it is an IR without its weights."""
    if not path.is_file():
        raise UserError(f"{path}: no such file or folder")
    weights = path.with_suffix(".bin")
    if path.suffix == ".xml" and not weights.is_file():
        raise UserError(f"{path}: its weights are missing; put {weights.name} into the same folder")


def check_checkpoint(path: Path) -> None:
    """Raise UserError if there is no such file, or it is of another kind."""
    if path.suffix in (".onnx", ".xml") and path.is_file():
        raise UserError(
            f"{path}: is an exported model, not a checkpoint; export and training start from a checkpoint (.pth): "
            "convert the model with `facedet import` first"
        )
    check_file(path)


def check_initial(source: str) -> None:
    """Raise UserError if a run cannot start from these weights. source: as for `read_initial`."""
    if source.startswith(PREFIX):
        check_network(source.removeprefix(PREFIX))
    elif source != "random":
        check_checkpoint(Path(source))


def check_network(name: str) -> None:
    """Raise UserError if torchvision has no ImageNet weights of this name for a backbone of mmdet."""
    if not re.fullmatch(f"{RESNETS}|{MOBILENETS}", name):
        raise UserError(
            f"{PREFIX}{name}: give weights of a network that mmdet has too: resnet18, -34, -50, -101, -152, a ResNeXt, "
            f"a wide ResNet or {MOBILENETS}"
        )
