"""The device to train on, and the settings that make it fast."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.device import utils as device_utils
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from torch import nn

from facedet.common.allocator import keep_freed_memory
from facedet.common.errors import UserError


def choose_device(wanted: str) -> str:
    """The device for `cpu`, `cuda`, `cuda:N` or `auto`. Raises UserError if this machine lacks it."""
    name = ("cuda" if torch.cuda.is_available() else "cpu") if wanted == "auto" else wanted
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda") or (index and not index.isdigit()):
        raise UserError(f"--device {wanted}: not a device; give cpu, cuda, cuda:N or auto")
    if kind == "cuda":
        if int(index or 0) >= torch.cuda.device_count():
            raise UserError(
                f"--device {wanted}: this machine has {torch.cuda.device_count()} CUDA devices; give cpu or auto"
            )
        torch.cuda.set_device(int(index or 0))
    device_utils.DEVICE = kind  # mmengine offers no other way to set it
    return name


def bfloat16_is_fast(device: str) -> bool:
    """Whether the device multiplies bfloat16 faster than float32."""
    if device.startswith("cuda"):
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def prepare(network: Any, device: str, *, cudnn_benchmark: bool = True) -> Any:
    """Move the network to the device, in the memory layout that its convolutions like, and set the device up."""
    if device == "cpu":
        keep_freed_memory()
    else:
        torch.backends.cudnn.benchmark = cudnn_benchmark
    network.data_preprocessor._non_blocking = True
    return network.to(device=device, memory_format=torch.channels_last)


@OPTIM_WRAPPERS.register_module()
class FaceOptimWrapper(OptimWrapper):
    """mmengine's OptimWrapper that never waits for the device.

    bfloat16: run the network in bfloat16 where that is exact enough; weights, losses and updates stay in float32.
    mmengine's AmpOptimWrapper refuses CPUs. bfloat16 has the range of float32, so gradients need no scaling.
    """

    def __init__(self, *, bfloat16: bool = False, **settings: Any):
        super().__init__(**settings)
        self.bfloat16 = bfloat16

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        device = next(model.parameters()).device.type
        with super().optim_context(model), torch.autocast(device, torch.bfloat16, enabled=self.bfloat16):
            yield

    def _clip_grad(self) -> None:  # mmengine's logs the norm, for which it waits
        groups = self.optimizer.param_groups
        params = [p for group in groups for p in group["params"] if p.requires_grad and p.grad is not None]
        if params:
            self.clip_func(params, **self.clip_grad_kwargs)
