"""The device to train on."""

from typing import Any

import torch


def bfloat16_is_fast(device: str) -> bool:
    """Whether the device multiplies bfloat16 faster than float32."""
    if device.startswith("cuda"):
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def place(network: Any, device: str) -> Any:
    """Move the network to the device, in the memory layout that its convolutions prefer."""
    # avoids host-device synchronization; as a setting of mmengine's, checkpoints would store it
    network.data_preprocessor._non_blocking = True
    return network.to(device=device, memory_format=torch.channels_last)
