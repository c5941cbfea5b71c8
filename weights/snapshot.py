"""The released training snapshot (mmdet 2, pytorchcv's resnet152b), read safely and renamed one to one."""

import re
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch

from facedet.core.common.errors import UserError
from facedet.core.weights.checkpoint import FACTS, is_state_dict, read_torch_file

_UNIT = re.compile(r"backbone\.features\.stage(\d)\.unit(\d+)\.(body\.conv(\d)|identity_conv)\.(conv|bn)\.(\w+)")
_STEM = re.compile(r"backbone\.features\.init_block\.conv\.(conv|bn)\.(\w+)")


def our_name(name: str) -> str:
    """The parameter of our detector that the snapshot calls `name`; neck and head are named alike."""
    if stem := _STEM.fullmatch(name):
        kind, tensor = stem.groups()
        return f"backbone.{kind}1.{tensor}"
    if unit := _UNIT.fullmatch(name):
        stage, number, place, conv, kind, tensor = unit.groups()
        block = f"backbone.layer{stage}.{int(number) - 1}"
        if place == "identity_conv":
            return f"{block}.downsample.{0 if kind == 'conv' else 1}.{tensor}"
        return f"{block}.{kind}{conv}.{tensor}"
    return name


class Inert:
    """Stands for whatever a foreign library put beside the weights: holds nothing, does nothing."""

    def __init__(self, *args: Any):
        pass

    def __setstate__(self, state: Any) -> None:
        pass


# What the libraries of 2020 left in `meta` and `optimizer`; read as nothing. Whatever else a file names is refused.
_FOREIGN = {
    OrderedDict: ("addict.addict.Dict", "mmcv.utils.config.ConfigDict"),
    Inert: (
        "mmcv.utils.config.Config", "numpy.core.multiarray.scalar", "numpy.core.multiarray._reconstruct",
        "numpy._core.multiarray.scalar", "numpy._core.multiarray._reconstruct", "numpy.ndarray", "numpy.dtype",
        "_codecs.encode", "pathlib.PosixPath",
    ),
}  # fmt: skip


def read_snapshot(path: Path) -> dict[str, torch.Tensor]:
    """The snapshot's weights under our names. Raises UserError where it is something else; runs nothing in it."""
    with torch.serialization.safe_globals([(kind, name) for kind, names in _FOREIGN.items() for name in names]):
        content = read_torch_file(path)
    meta, state = content.get("meta"), content.get("state_dict")
    if isinstance(meta, dict) and FACTS in meta:
        raise UserError(f"{path}: is a checkpoint of this project already; give it as --weights")
    if not is_state_dict(state):
        raise UserError(f"{path}: not a training snapshot (it holds no state_dict of tensors)")
    if not any(".body.conv" in name for name in state) and any(name.startswith("backbone.features") for name in state):
        raise UserError(
            f"{path}: not face-detection-0206 but one of its family with a smaller backbone, MobileNetV2 "
            "(face-detection-0200, -0202, -0204, -0205, -0207); this project rebuilds 0206 alone"
        )
    return rename(state, path)


def rename(state: dict[str, torch.Tensor], path: Path) -> dict[str, torch.Tensor]:
    """The snapshot's tensors under our names. Raises UserError if two of them would bear one name."""
    renamed = {our_name(name): tensor for name, tensor in state.items()}
    if len(renamed) < len(state):
        raise UserError(f"{path}: names {len(state) - len(renamed)} of its weights twice, in two ways")
    return renamed
