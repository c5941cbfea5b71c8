"""The released training snapshot's names (mmdet 2, pytorchcv's resnet152b) and this project's, one to one."""

import re

import torch

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


def rename(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The snapshot's tensors under our names."""
    return {our_name(name): tensor for name, tensor in state.items()}
