"""Memory of a training run: its peak, the batch size that fits a GPU, and gradient checkpointing."""

import copy
import math
import warnings
from collections.abc import Callable
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from facedet.common import machine
from facedet.detector.loss import alone
from facedet.train.optimizer import build_optimizer

_SHARE = 0.9  # of the free memory: the allocator loses some to fragmentation
_SAMPLES = 8  # read for the search; larger batches repeat them


def peak_memory_mb(device: str) -> int:
    """The peak memory of this process so far, MiB: of the GPU, or of the process on a CPU."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated() // 2**20
    return machine.peak_memory_mb()


def reset_peak_memory(device: str) -> None:
    """Let `peak_memory_mb` of a GPU begin again. A CPU's process cannot forget its peak."""
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()


def checkpoint_gradients(network: Any) -> None:
    """Recompute the activations inside the backbone's blocks in the backward pass instead of keeping them.

    Both passes update the running statistics; with the momentum that is set here, two updates equal the usual one.
    """
    warnings.filterwarnings("ignore", message="torch.utils.checkpoint: the use_reentrant")  # mmdet does not set it
    learns = any(parameter.requires_grad for parameter in network.backbone.conv1.parameters())
    for block in network.backbone.modules():
        if hasattr(block, "with_cp") and block is not network.backbone:
            block.with_cp = learns  # mmdet does not checkpoint a block without trainable layers before it
            for norm in block.modules() if learns else ():
                if isinstance(norm, _BatchNorm) and norm.momentum:
                    norm.momentum = 1 - (1 - norm.momentum) ** 0.5
            learns = learns or any(parameter.requires_grad for parameter in block.parameters())


def fitting_batch_size(cfg: Config, network: nn.Module, dataset: Any, device: str, most: int) -> int:
    """The largest batch size up to `most` whose training step fits the GPU; 1 if none does.

    Each process searches alone: their GPUs may have different room. dataset: its items are samples. On a CPU, whose
    memory other programs share, it is the config's.
    """
    if not device.startswith("cuda"):
        return min(int(cfg.train_dataloader.batch_size), most)
    limit = _SHARE * (torch.cuda.mem_get_info()[0] + torch.cuda.memory_reserved())
    samples = [dataset[k] for k in range(min(_SAMPLES, len(dataset)))]

    def fits(size: int) -> bool:
        return _peak(cfg, network, [samples[k % len(samples)] for k in range(size)]) <= limit

    return largest(fits, most)


def largest(fits: Callable[[int], bool], most: int) -> int:
    """The largest number from 1 to `most` that fits, if all below one that fits do; 1 if none does."""
    low, high = 1, 2
    while high <= most and fits(high):
        low, high = high, 2 * high
    high = min(high, most + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _peak(cfg: Config, network: nn.Module, samples: list[Any]) -> float:
    """The most memory of the GPU in a training step, bytes; infinite if it is too small."""
    torch.cuda.empty_cache()  # of the step before
    one = copy.deepcopy(cfg)
    one.optim_wrapper.accumulative_counts = 1
    try:
        trial: Any = copy.deepcopy(network).train()  # the step must not change the network
        optimizer = build_optimizer(one, trial, -1)
        for _ in range(2):  # in the first step, cuDNN tries algorithms, which takes memory
            torch.cuda.reset_peak_memory_stats()
            with alone():
                trial.train_step(pseudo_collate(samples), optimizer)
    except torch.OutOfMemoryError:
        return math.inf
    return torch.cuda.max_memory_allocated()
