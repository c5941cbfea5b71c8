"""Read the released training snapshot (mmdet 2, resnet152b of pytorchcv) safely and rename its weights."""

import re
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch

from facedet.common.errors import UserError
from facedet.weights.checkpoint import META_KEY
from facedet.weights.torch_file import is_state_dict, read_torch_file

_UNIT = re.compile(r"backbone\.features\.stage(\d)\.unit(\d+)\.(body\.conv(\d)|identity_conv)\.(conv|bn)\.(\w+)")
_STEM = re.compile(r"backbone\.features\.init_block\.conv\.(conv|bn)\.(\w+)")


def our_name(name: str) -> str:
    """Our name of the snapshot's weight `name`. The names in neck and head are the same."""
    if stem := _STEM.fullmatch(name):
        kind, tensor = stem.groups()
        return f"backbone.{kind}1.{tensor}"
    if unit := _UNIT.fullmatch(name):
        stage, number, branch, conv, kind, tensor = unit.groups()
        block = f"backbone.layer{stage}.{int(number) - 1}"
        if branch == "identity_conv":
            return f"{block}.downsample.{0 if kind == 'conv' else 1}.{tensor}"
        return f"{block}.{kind}{conv}.{tensor}"
    return name


class Inert:
    """Replaces objects of other libraries that were stored with the weights: has no content, does nothing."""

    def __init__(self, *args: Any):
        pass

    def __setstate__(self, state: Any) -> None:
        pass


# Types that the libraries of 2020 left in `meta` and `optimizer`, and what replaces them. All other types are refused.
_FOREIGN = {
    OrderedDict: ("addict.addict.Dict", "mmcv.utils.config.ConfigDict"),
    Inert: (
        "mmcv.utils.config.Config", "numpy.core.multiarray.scalar", "numpy.core.multiarray._reconstruct",
        "numpy._core.multiarray.scalar", "numpy._core.multiarray._reconstruct", "numpy.ndarray", "numpy.dtype",
        "_codecs.encode", "pathlib.PosixPath",
    ),
}  # fmt: skip


def read_snapshot(path: Path) -> dict[str, torch.Tensor]:
    """Read the weights of the snapshot, under our names. Nothing in the file is executed. Raises UserError."""
    with torch.serialization.safe_globals([(kind, name) for kind, names in _FOREIGN.items() for name in names]):
        content = read_torch_file(path)
    meta, state = content.get("meta"), content.get("state_dict")
    if isinstance(meta, dict) and META_KEY in meta:
        raise UserError(f"{path}: is already a checkpoint of this project; use it with --weights")
    if not is_state_dict(state):
        raise UserError(f"{path}: not a training snapshot (it contains no state_dict of tensors)")
    if not any(".body.conv" in name for name in state) and any(name.startswith("backbone.features") for name in state):
        raise UserError(
            f"{path}: not face-detection-0206 but a model of the same family with a smaller backbone, MobileNetV2 "
            "(face-detection-0200, -0202, -0204, -0205, -0207); give the snapshot of 0206"
        )
    return rename(state, path)


def rename(state: dict[str, torch.Tensor], path: Path) -> dict[str, torch.Tensor]:
    """The tensors of the snapshot under our names. Raises UserError if two tensors would get the same name."""
    renamed = {our_name(name): tensor for name, tensor in state.items()}
    if len(renamed) < len(state):
        raise UserError(f"{path}: contains {len(state) - len(renamed)} of its weights twice, under different names")
    return renamed
