"""A substitute from torchvision for one of mmcv's compiled operators, because pip may install mmcv without them.

mmdet's models import `mmcv._ext`, which is then this module: see `__init__`. It has the sigmoid focal loss; every other
operator raises an error when it is called.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor


def __getattr__(name: str) -> Callable:
    if name.startswith("__"):
        raise AttributeError(name)

    def missing(*args, **kwargs):
        raise NotImplementedError(
            f"mmcv is installed without compiled operators, and there is no substitute for '{name}'; "
            "install a compiled mmcv: MMCV_WITH_OPS=1 pip install --force-reinstall --no-deps "
            "--no-build-isolation --no-binary onedl-mmcv onedl-mmcv"
        )

    return missing


def sigmoid_focal_loss_forward(
    input: Tensor, target: Tensor, weight: Tensor, output: Tensor, gamma: float, alpha: float
) -> None:
    """Write the loss of each element into `output`. Same arguments as mmcv's operator."""
    output.copy_(_focal_loss(input, target, weight, gamma, alpha))


def sigmoid_focal_loss_backward(
    input: Tensor, target: Tensor, weight: Tensor, grad_input: Tensor, gamma: float, alpha: float
) -> None:
    """Write the gradient of the sum of the losses into `grad_input`. Same arguments as mmcv's operator."""
    with torch.enable_grad():
        leaf = input.detach().requires_grad_()
        loss = _focal_loss(leaf, target, weight, gamma, alpha).sum()
        grad_input.copy_(torch.autograd.grad(loss, leaf)[0])


def _focal_loss(input: Tensor, target: Tensor, weight: Tensor, gamma: float, alpha: float) -> Tensor:
    # input [n, classes]; target [n], where the value `classes` means background
    if weight.numel():
        raise NotImplementedError("focal loss with class weights needs mmcv's compiled operators")
    one_hot = F.one_hot(target, input.shape[1] + 1)[:, :-1].to(input.dtype)
    return torchvision.ops.sigmoid_focal_loss(input, one_hot, alpha, gamma, reduction="none")
