"""Measure new running statistics for batch normalization without changing what the network computes."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from facedet.detector.model import Detector, preprocess


def calibrate(detector: Detector, images: Iterable[Tensor]) -> int:
    """Measure the input of every batch normalization over the images in one pass. Returns the number of images.

    images: float32 [1, 3, size, size] BGR 0..255. Afterwards each layer has the mean and variance of its input, and
    weight and bias with which its output is the same as before. So training mode starts from the same function as eval
    mode.
    """
    net: Any = detector.eval()
    sums = {m: torch.zeros(3, m.num_features, dtype=torch.float64) for m in net.modules() if _is_batch_norm(m)}

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
        _set_statistics(module, mean, (squares / count - mean.square()).clamp(min=0))
    return seen


def _set_statistics(norm: Any, mean: Tensor, variance: Tensor) -> None:
    """Set running mean and variance, and weight and bias so that the output does not change."""
    scale = norm.weight.detach().double() / (norm.running_var.double() + norm.eps).sqrt()
    shift = norm.bias.detach().double() - norm.running_mean.double() * scale
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    with torch.no_grad():
        norm.weight.copy_(scale * (variance + norm.eps).sqrt())
        norm.bias.copy_(shift + mean * scale)


def _is_batch_norm(module: nn.Module) -> bool:
    return isinstance(module, nn.modules.batchnorm._BatchNorm)
