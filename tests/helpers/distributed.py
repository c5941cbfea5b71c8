"""Functions in several processes that a launcher might have started, and training runs there."""

import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import DefaultSampler

from facedet.common.errors import UserError
from facedet.data import dataset
from facedet.data.dataset import DatasetSource
from facedet.data.image import image_size
from facedet.detector.config import load_config
from facedet.detector.model import build_detector
from facedet.train import checkpoints, finetune, loop, setup
from facedet.train.configure import override
from facedet.train.machine.distributed import LAUNCHERS, gather, processes, world
from facedet.train.options import TrainingOptions
from facedet.train.record.metric import FaceAP
from facedet.train.run import Run
from facedet.train.samples import datasets
from facedet.train.samples.dataset import FaceDataset
from facedet.weights.torch_file import read_torch_file

Acts = dict[int, Callable[[dict], Any]]
CONTEXT = multiprocessing.get_context("forkserver")  # one process imports torch, all others are copies of it
CONTEXT.set_forkserver_preload([__name__, "facedet.train.training"])


@dataclass(frozen=True)
class Ended:
    """How a process ended early. message: empty if it said nothing."""

    code: int
    message: str = ""


def in_processes(count: int, function: Callable[..., Any], *arguments: Any, launcher: str = "torchrun") -> list[Any]:
    """Call a function with its rank and the arguments in processes with a launcher's variables.

    Returns what it returned in each, or an `Ended`.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    before = set(multiprocessing.active_children())
    with ProcessPoolExecutor(count, mp_context=CONTEXT, max_tasks_per_child=1) as pool:
        futures = []
        for rank in range(count):
            values = map(str, (rank, count, rank))
            environment = {**shared, **dict(zip(LAUNCHERS[launcher], values, strict=True))}
            futures.append(pool.submit(_call, environment, function, rank, *arguments))
        try:
            return [future.result(timeout=120) for future in futures]
        except TimeoutError:  # the end of the block would wait for processes that wait for each other
            for process in set(multiprocessing.active_children()) - before:
                process.kill()
            raise


def _call(environment: dict[str, str], function: Callable[..., Any], *arguments: Any) -> Any:
    os.environ.update(environment)
    torch.set_num_threads(1)
    try:
        return function(*arguments)
    except UserError as error:
        return Ended(error.exit_code, str(error))
    except SystemExit as error:
        return Ended(int(error.code or 0))


def train(rank: int, act: Callable[[int], Acts] | None, options: dict[str, Any]) -> dict[str, Any]:
    """finetune(**options). Returns the weights that this process ends with, and their average.

    act: gives, for a rank, what to do in an iteration with its losses, by number.
    """
    acts, kept = act(rank) if act else {}, []
    step = loop.train_step

    def acting(run: Run, batch: dict) -> dict:
        losses = step(run, batch)
        acts.get(run.state.iteration, lambda losses: None)(losses)
        return losses

    loop.train_step = acting
    finetune(**options, on_epoch=kept.append)
    state = kept[-1].state
    return {"trained": _copy(state.network), "state_dict": _copy(state.judged)}


def _copy(network: torch.nn.Module) -> dict[str, Any]:
    return {name: tensor.numpy().copy() for name, tensor in network.state_dict().items()}  # tensors would be shared


def terminate_the_second(rank: int) -> Acts:
    """Let rank 1 receive SIGTERM in its fourth iteration."""
    return {4: lambda losses: os.kill(os.getpid(), signal.SIGTERM)} if rank == 1 else {}


def terminate_both(rank: int) -> Acts:
    """Let all processes receive SIGTERM in their fourth iteration."""
    return terminate_the_second(1)


def spoil_the_second(rank: int) -> Acts:
    """Let rank 1 have a loss in its third iteration that is not finite."""
    return {3: lambda losses: losses["loss_bbox"].fill_(torch.nan)} if rank == 1 else {}


def stop_while_the_first_writes_slowly(rank: int, options: dict[str, Any]) -> int:
    """The iteration in last.pth when this process ends after a SIGTERM in the fourth. Rank 0 writes slowly."""
    if rank == 0:
        write = checkpoints.write_torch_file
        checkpoints.write_torch_file = lambda *args, **more: (time.sleep(1), write(*args, **more))  # type: ignore[assignment]
    with suppress(UserError, SystemExit):
        train(rank, terminate_both, options)
    return int(read_torch_file(Path(options["work_dir"]) / "last.pth")["meta"]["iter"])


def place(rank: int, launcher: str) -> tuple[str, list[int]]:
    """Device, and the ranks of all processes."""
    with processes(launcher, "cpu") as device:
        return device, gather(world()[0])


def search_with_fake_memory(rank: int, config: Path, dataset: Path, room: tuple[int, int]) -> int:
    """The batch size that `--batch-size auto` takes if each rank's GPU has room for so many images, and no more."""
    cfg, most = load_config(config), [0]
    override(cfg, TrainingOptions(config, dataset, dataset, work_dir=""))
    cfg.train_dataloader.batch_size = 1

    def allocate(module: torch.nn.Module, inputs: tuple[torch.Tensor]) -> None:
        most[0] = len(inputs[0])
        if most[0] > room[rank]:
            raise torch.OutOfMemoryError

    for name in ("empty_cache", "reset_peak_memory_stats"):
        setattr(torch.cuda, name, lambda: None)
    torch.cuda.mem_get_info, torch.cuda.memory_reserved = lambda: (99, 99), lambda: 0  # type: ignore[assignment]
    torch.cuda.max_memory_allocated = lambda: most[0]  # type: ignore[assignment]
    with processes("torchrun", "cpu"):
        network = build_detector(cfg)
        network.backbone.register_forward_pre_hook(allocate)
        samples: Any = [FaceDataset(str(dataset), input_size=cfg.input_size)[k] for k in range(4)] * 4
        return setup._fitting_batch_size(cfg, network, samples, "cuda:0", None)


def read_in_processes(rank: int, path: Path) -> tuple[list[tuple], int]:
    """The photos that a process gets, and how many image headers it read."""
    read: list[Path] = []

    def size(path: Path) -> tuple[int, int]:
        read.append(path)
        return image_size(path)

    dataset.image_size = size
    cfg = Config({"input_size": 32, "val_dataloader": {"dataset": {"test_mode": True}}})
    with processes("torchrun", "cpu"):
        faces = datasets._dataset(cfg, cfg.val_dataloader, [DatasetSource(path)]).faces
        return [(str(p.path), p.width, p.boxes.tolist()) for p in faces.photos], len(read)


def validate_in_processes(rank: int, val: Path) -> dict[str, float]:
    with processes("torchrun", "cpu"):
        return validate_jittered_faces(rank, val)


def validate_jittered_faces(rank: int, val: Path) -> dict[str, float]:
    """What FaceAP measures, as mmengine calls it, if a network found each face a few pixels beside its place."""
    dataset, metric = FaceDataset(str(val), input_size=32, test_mode=True), FaceAP()
    for index in DefaultSampler(dataset, shuffle=False):
        photo = dataset[index]["data_samples"].photo
        rng = np.random.default_rng(len(photo.path.name) + photo.width * photo.height)
        boxes = torch.from_numpy(photo.boxes + rng.uniform(-5, 5, photo.boxes.shape))
        found = {"bboxes": boxes, "scores": torch.from_numpy(rng.random(len(boxes)))}
        metric.process(None, [{"photo": photo, "pred_instances": found}])
    return metric.evaluate(len(dataset))
