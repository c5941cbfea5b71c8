"""Batch norms without statistics get those of photographs, and the function stays what it was."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from facedet.core.detector.model import Detector, preprocess


def calibrate(detector: Detector, images: Iterable[Tensor]) -> int:
    """Measure every batch norm's input over the images in one pass; returns their number.

    images: float32 [1, 3, size, size] BGR 0..255. Afterwards each norm holds the mean and the variance of its input
    and the affine that gives the same output as before, so that a step in training mode starts where eval mode is.
    """
    net: Any = detector.eval()
    sums = {m: torch.zeros(3, m.num_features, dtype=torch.float64) for m in net.modules() if _is_norm(m)}

    def measure(module: nn.Module, inputs: tuple[Tensor]) -> None:
        x = inputs[0].double()
        count = torch.full_like(sums[module][0], x.numel() / x.shape[1])
        sums[module] += torch.stack([count, x.sum((0, 2, 3)), x.square().sum((0, 2, 3))])

    hooks = [module.register_forward_pre_hook(measure) for module in sums]
    seen = 0
    try:
        with torch.inference_mode():
            for image in images:
                net.neck(net.backbone(preprocess(net, image)))
                seen += 1
    finally:
        for hook in hooks:
            hook.remove()
    for module, (count, total, squares) in sums.items():
        mean = total / count
        _replace(module, mean, (squares / count - mean.square()).clamp(min=0))
    return seen


def _replace(norm: Any, mean: Tensor, variance: Tensor) -> None:
    scale = norm.weight.detach().double() / (norm.running_var.double() + norm.eps).sqrt()
    shift = norm.bias.detach().double() - norm.running_mean.double() * scale
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    with torch.no_grad():
        norm.weight.copy_(scale * (variance + norm.eps).sqrt())
        norm.bias.copy_(shift + mean * scale)


def _is_norm(module: nn.Module) -> bool:
    return isinstance(module, nn.modules.batchnorm._BatchNorm)
