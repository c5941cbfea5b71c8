"""Several processes that train one network: start, rank, device, reduction. With one process, nothing happens here."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from facedet.core.common.errors import UserError

LAUNCHERS = {  # rank, number of processes, rank on this machine, as each launcher names them in the environment
    "torchrun": ("RANK", "WORLD_SIZE", "LOCAL_RANK"),
    "slurm": ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID"),
    "mpi": ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"),
}


@contextmanager
def processes(launcher: str | None, device: str) -> Iterator[str]:
    """Join the processes of a launcher, and leave them at the end. Yields this process's device.

    launcher: a key of `LAUNCHERS`; None takes torchrun if its variables are set, or one process. device: `cpu` or
    `cuda`; a GPU is chosen by the rank on the machine. Gloo connects CPUs, NCCL GPUs. Raises UserError.
    """
    if launcher is None and not ("RANK" in os.environ and "LOCAL_RANK" in os.environ):
        yield device
        return
    rank, size, local = _place_in(launcher or "torchrun")
    if device.startswith("cuda"):
        if local >= torch.cuda.device_count():
            raise UserError(
                f"process {local} of this machine has no GPU: it has {torch.cuda.device_count()}; start at most one "
                "process for each GPU, or give --device cpu"
            )
        torch.cuda.set_device(local)
        device = f"cuda:{local}"
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo", rank=rank, world_size=size)
    try:
        yield device
    finally:
        dist.destroy_process_group()


def _place_in(launcher: str) -> tuple[int, int, int]:
    if launcher not in LAUNCHERS:
        raise UserError(f"--launcher {launcher}: not a launcher; give one of {', '.join(LAUNCHERS)}")
    missing = [name for name in LAUNCHERS[launcher] if name not in os.environ]
    if missing:
        raise UserError(f"--launcher {launcher}: {missing[0]} is not set; start the command with {launcher}")
    if launcher == "slurm" and "MASTER_ADDR" not in os.environ:
        hosts = subprocess.run(["scontrol", "show", "hostnames"], capture_output=True, text=True, check=True)
        os.environ["MASTER_ADDR"] = hosts.stdout.split()[0]
    if "MASTER_ADDR" not in os.environ:
        raise UserError(f"--launcher {launcher}: set MASTER_ADDR to the host name of the first machine")
    os.environ.setdefault("MASTER_PORT", "29500")
    rank, size, local = (int(os.environ[name]) for name in LAUNCHERS[launcher])
    return rank, size, local


def world() -> tuple[int, int]:
    """Rank of this process, and number of processes."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def is_first() -> bool:
    """Whether this process is the one that writes and prints."""
    return world()[0] == 0


def wrap(network: nn.Module, device: str) -> nn.Module:
    """The network, with its gradients averaged over all processes if there are several."""
    if world()[1] == 1:
        return network
    from mmengine.model import MMDistributedDataParallel

    # buffers are running statistics: rank 0's are kept, as its checkpoints would have them
    return MMDistributedDataParallel(network, device_ids=[torch.device(device).index] if "cuda" in device else None)


def total(values: Tensor) -> Tensor:
    """Sum over all processes."""
    if world()[1] > 1:
        dist.all_reduce(values)
    return values


def gather(value: Any) -> list[Any]:
    """A picklable value of every process, by rank."""
    gathered: list[Any] = [value] * world()[1]
    if len(gathered) > 1:
        dist.all_gather_object(gathered, value)
    return gathered


def wait() -> None:
    """Wait for all processes."""
    if world()[1] > 1:
        dist.barrier()
