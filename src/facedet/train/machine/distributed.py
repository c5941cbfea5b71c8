"""Several processes that train one network: start, rank, device, reduction. With one process, they do nothing."""

import atexit
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from uuid import uuid4

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.rendezvous import rendezvous
from torch.nn.modules.batchnorm import _BatchNorm

from facedet.common.errors import UserError
from facedet.common.machine import usable_cores
from facedet.common.torch_device import choose_device
from facedet.train.machine.interface import shared_interface
from facedet.train.options import LAUNCHERS

T = TypeVar("T")


@contextmanager
def processes(launcher: str | None, device: str) -> Iterator[str]:
    """Join the processes of a launcher. Yields this process's device. Raises UserError.

    launcher: a key of `LAUNCHERS`; None takes torchrun if its variables are set, or one process. device: as
    `choose_device` takes it, but the rank on the machine chooses the GPU. Gloo connects CPUs, NCCL GPUs. The processes
    stay connected until they exit.

    Only the first process that fails raises its error; the others end with its exit code or 1, and without a message.
    """
    if launcher is None and not ("RANK" in os.environ and "LOCAL_RANK" in os.environ):
        yield choose_device(device)
        return
    local = _join(launcher or "torchrun")
    try:
        device = choose_device(_share(device, local))
        if device != "cpu":
            torch.cuda.set_device(device)  # NCCL connects the current GPUs
        yield device
    except Exception as error:
        if not _is_first_failure():
            raise SystemExit(getattr(error, "exit_code", 1)) from None
        if isinstance(error, dist.DistError) or "by peer" in str(error):
            lost = "another process of this training run ended; the same command with --resume continues it"
            raise UserError(lost) from error
        raise


def _join(launcher: str) -> int:
    """Connect to the other processes. Returns the rank on this machine."""
    rank, size, local = _place_in(launcher)
    if not dist.is_initialized():
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        store = _meet(next(rendezvous("env://", rank, size))[0], rank, size)
        interface = shared_interface(store, rank, size, platform.node(), os.environ["MASTER_ADDR"])
        if interface:
            os.environ.setdefault("GLOO_SOCKET_IFNAME", interface)
        dist.init_process_group(backend, store=store, rank=rank, world_size=size)
        atexit.register(dist.destroy_process_group)
    return local


def _meet(store: dist.Store, rank: int, size: int) -> dist.Store:
    """The part of a store for exactly these processes: torchrun's store keeps the addresses of those that died.

    Each process writes a unique name. All have read the same names once all have counted them.
    """
    keys, counted = [f"process {k}" for k in range(size)], ""
    store.set(keys[rank], uuid4().hex)
    while True:
        names = "".join(store.get(key).decode() for key in keys)
        if names != counted:
            store.add(names, 1)
            counted = names
        if store.add(names, 0) == size:
            return dist.PrefixStore(names, store)
        time.sleep(0.05)


def _place_in(launcher: str) -> tuple[int, int, int]:
    if launcher not in LAUNCHERS:
        raise UserError(f"--launcher {launcher}: not a launcher; give one of {', '.join(LAUNCHERS)}")
    missing = [name for name in LAUNCHERS[launcher] if name not in os.environ]
    if missing:
        raise UserError(f"--launcher {launcher}: {missing[0]} is not set; start the command with {launcher}")
    if launcher == "slurm" and "MASTER_ADDR" not in os.environ:
        os.environ["MASTER_ADDR"] = _first_host()
    if not os.environ.get("MASTER_ADDR"):
        raise UserError(f"--launcher {launcher}: set MASTER_ADDR to the host name of the first machine")
    os.environ.setdefault("MASTER_PORT", str(29500 + int(os.environ.get("SLURM_JOB_ID", 0)) % 1000))
    rank, size, local = (int(os.environ[name]) for name in LAUNCHERS[launcher])
    return rank, size, local


def _first_host() -> str:
    """The first machine of a slurm job; empty where slurm's tools are missing, as in many containers."""
    try:
        hosts = subprocess.run(["scontrol", "show", "hostnames"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return hosts.stdout.split()[0]


def _share(device: str, local: int) -> str:
    """The device of the process with this rank on the machine."""
    gpus = torch.cuda.device_count()
    if not device.startswith("cuda") and not (device == "auto" and gpus):
        return device
    if gpus == 1 and "SLURM_LOCALID" in os.environ:  # slurm may show each process its own GPU only
        return "cuda:0"
    if local >= gpus:
        raise UserError(
            f"process {local} of this machine has no GPU: it has {gpus}; start at most one process for each GPU, or "
            "give --device cpu"
        )
    return f"cuda:{local}"


def _is_first_failure() -> bool:
    """Whether no other process has failed before this one."""
    store = dist.distributed_c10d._get_default_store()
    try:
        first = store.add("failed", 1) == 1
        end = time.monotonic() + 2
        # the store may end with the first process, so it waits a moment for others that fail in the same way
        while is_first() and store.add("failed", 0) < world()[1] and time.monotonic() < end:
            time.sleep(0.05)
    except dist.DistError:
        return False
    return first


def restarted() -> bool:
    """Whether torchrun started the processes again because one of them died."""
    return any(gather(int(os.environ.get("TORCHELASTIC_RESTART_COUNT", 0)) > 0))


def world() -> tuple[int, int]:
    """Rank of this process, and number of processes."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def is_first() -> bool:
    """Whether this process is the one that writes and prints."""
    return world()[0] == 0


def sharing_cores() -> int:
    """How many processes, including this one, share its cores."""
    here = platform.node(), usable_cores()
    return gather(here).count(here)


def wrap(network: nn.Module, device: str) -> nn.Module:
    """The network, with its gradients averaged over all processes if there are several."""
    if world()[1] == 1:
        return network
    index = torch.device(device).index
    devices = None if index is None else [index]
    wrapped = nn.parallel.DistributedDataParallel(network, device_ids=devices)
    wrapped.broadcast_buffers = False  # `average_statistics` keeps them equal; as an argument, torch warns about it
    return wrapped


def synchronize_norms(network: nn.Module, device: str) -> nn.Module:
    """Let batch normalization use the images of all processes. Raises UserError on a CPU, where torch cannot."""
    if device == "cpu":
        raise UserError("--sync-bn: needs GPUs; batch normalization on CPUs uses the images of its process only")
    return nn.SyncBatchNorm.convert_sync_batchnorm(network) if world()[1] > 1 else network


@torch.no_grad()
def average_statistics(network: nn.Module) -> None:
    """Average the running statistics that a step changed over all processes, since each saw different images."""
    norms = [layer for layer in network.modules() if isinstance(layer, _BatchNorm) and layer.training]
    if world()[1] == 1 or not norms:
        return
    statistics: list[Any] = [tensor for norm in norms for tensor in (norm.running_mean, norm.running_var)]
    mean = total(torch.cat(statistics)) / world()[1]
    torch._foreach_copy_(statistics, mean.split([len(tensor) for tensor in statistics]))


def total(values: Tensor) -> Tensor:
    """Sum over all processes, in place."""
    if world()[1] > 1:
        dist.all_reduce(values)
    return values


def gather(value: Any) -> list[Any]:
    """A picklable value of every process, by rank."""
    gathered: list[Any] = [value] * world()[1]
    if len(gathered) > 1:
        dist.all_gather_object(gathered, value)
    return gathered


def from_first(make: Callable[[], T]) -> T:
    """What `make` returns in the first process, in all of them; the others do not call it. It must be picklable.

    A UserError that it raises there is raised in all.
    """
    made: list[Any] = [None]
    if is_first():
        try:
            made = [make()]
        except UserError as error:
            made = [error]
    if world()[1] > 1:
        dist.broadcast_object_list(made, device=torch.device("cpu"))
    if isinstance(made[0], UserError):
        raise made[0]
    return made[0]


def wait() -> None:
    """Wait for all processes."""
    gather(None)  # through Gloo: unlike NCCL, it notices at once that a process has ended
