"""Boxes as tensors [..., 4], x1 y1 x2 y2. The operations avoid host-device synchronization."""

import torch
from torch import Tensor


def centres(boxes: Tensor) -> Tensor:
    """x y of the centres: [..., 2]."""
    return (boxes[..., :2] + boxes[..., 2:]) / 2


def area(boxes: Tensor) -> Tensor:
    """Areas: [...]."""
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def overlap_and_union(a: Tensor, b: Tensor, eps: float = 1e-6) -> tuple[Tensor, Tensor]:
    """Areas of intersection and union of each pair; the union is at least `eps`, so that it can be a divisor."""
    common = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0)
    overlap = common[..., 0] * common[..., 1]
    return overlap, (area(a) + area(b) - overlap).clamp(min=eps)


def enclosing(a: Tensor, b: Tensor) -> Tensor:
    """The smallest box around each pair: [..., 4]."""
    return torch.cat([torch.minimum(a[..., :2], b[..., :2]), torch.maximum(a[..., 2:], b[..., 2:])], dim=-1)
