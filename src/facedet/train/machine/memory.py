"""Memory of a training run: its peak, the batch size that fits a GPU, and gradient checkpointing."""

import copy
import warnings
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from facedet.common import machine
from facedet.train.optimizer import build_optimizer

_SHARE = 0.9  # of the free memory: the allocator loses some to fragmentation
_TRIED = 2, 6  # batch sizes


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


def fitting_batch_size(cfg: Config, network: nn.Module, dataset: Any, device: str) -> int:
    """The largest batch size whose training step fits the GPU, from the peak memory of two small ones.

    dataset: its items are samples.

    On a CPU, whose memory other programs share, it is the config's.
    """
    if not device.startswith("cuda"):
        return int(cfg.train_dataloader.batch_size)
    limit = int(_SHARE * (torch.cuda.mem_get_info()[0] + torch.cuda.memory_reserved()))
    try:
        return extrapolate(_TRIED, [_peak(cfg, network, dataset, size) for size in _TRIED], limit)
    except torch.OutOfMemoryError:
        torch.cuda.empty_cache()
        return 1


def extrapolate(sizes: tuple[int, int], peaks: list[int], limit: int) -> int:
    """The largest batch size, at least 1, whose memory is within the limit, if memory grows linearly. Bytes.

    If it did not grow, the larger of the two sizes.
    """
    if peaks[1] <= peaks[0]:
        return sizes[1]
    per_image = (peaks[1] - peaks[0]) / (sizes[1] - sizes[0])
    return max(1, int((limit - (peaks[0] - per_image * sizes[0])) // per_image))


def _peak(cfg: Config, network: nn.Module, dataset: Any, size: int) -> int:
    trial: Any = copy.deepcopy(network).train()  # the step must not change the network
    batch = pseudo_collate([dataset[k % len(dataset)] for k in range(size)])
    one = copy.deepcopy(cfg)
    one.optim_wrapper.accumulative_counts = 1
    optimizer = build_optimizer(one, trial, -1)
    for _ in range(2):  # in the first step, cuDNN tries algorithms, which takes memory
        torch.cuda.reset_peak_memory_stats()
        trial.train_step(batch, optimizer)
    return torch.cuda.max_memory_allocated()
