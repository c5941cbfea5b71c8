"""The loss of ATSS, without host-device synchronization."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from mmdet.models.losses import GIoULoss as MMDetGIoULoss
from mmdet.models.losses.utils import weight_reduce_loss
from mmdet.registry import MODELS
from mmdet.utils import reduce_mean
from torch import Tensor

from facedet.detector.boxes import area, centres, enclosing, overlap_and_union

_LARGEST_LOG_RATIO = abs(math.log(16 / 1000))  # of a box's width or height to its anchor's, as in mmdet
_ALONE = ContextVar("_ALONE", default=False)


@contextmanager
def alone() -> Iterator[None]:
    """Compute losses without the other processes, which would wait if this one ran out of memory."""
    token = _ALONE.set(True)
    try:
        yield
    finally:
        _ALONE.reset(token)


@MODELS.register_module(force=True)  # the name stays, because checkpoints contain it
class GIoULoss(MMDetGIoULoss):
    """mmdet's GIoULoss without its host-device synchronization: mmdet reads the weights and copies eps to the GPU."""

    def forward(self, pred, target, weight=None, avg_factor=None, reduction_override=None) -> Tensor:
        overlap, union = overlap_and_union(pred, target, self.eps)
        around = area(enclosing(pred, target)).clamp(min=self.eps)
        losses = self.loss_weight * (1 - overlap / union + (around - union) / around)
        return weight_reduce_loss(losses, weight, reduction_override or self.reduction, avg_factor)


def decode(anchors: Tensor, deltas: Tensor, means: Sequence[float], stds: Sequence[float]) -> Tensor:
    """Boxes [n, 4] of deltas from anchors [n, 4], like mmdet's delta2bbox, which copies means and stds to the GPU."""
    x, y, w, h = (d * std + mean for d, mean, std in zip(deltas.unbind(-1), means, stds, strict=True))
    size = anchors[:, 2:] - anchors[:, :2]
    middle = centres(anchors) + size * torch.stack([x, y], dim=-1)
    half = size * torch.stack([w, h], dim=-1).clamp(-_LARGEST_LOG_RATIO, _LARGEST_LOG_RATIO).exp() / 2
    return torch.cat([middle - half, middle + half], dim=-1)


def centerness(anchors: Tensor, boxes: Tensor, inside: Tensor) -> Tensor:
    """How central an anchor's centre is in its box, 0..1: [n]. 0 where `inside` [n] is false."""
    low, high = centres(anchors) - boxes[:, :2], boxes[:, 2:] - centres(anchors)
    ratios = torch.minimum(low, high) / torch.maximum(low, high)
    return ratios.prod(-1).where(inside, 0).sqrt()


def normalisers(learns: Tensor, quality: Tensor) -> tuple[Tensor, Tensor]:
    """The divisors of the loss sums: number of positives and sum of their centerness, averaged over the processes.

    learns [b, anchors]: positive anchors. An image without one counts as one, as in mmdet.
    """
    positives = learns.sum(dim=1).clamp(min=1).sum()
    sums = torch.stack([positives.float(), quality.sum()])
    positives, total = (sums if _ALONE.get() else reduce_mean(sums)).unbind()
    return positives, total.clamp(min=1)
