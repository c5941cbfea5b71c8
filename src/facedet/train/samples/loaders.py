"""The loaders of a training run: one stream of training batches over all epochs, and validation batches."""

import ctypes
import gc
import signal
import sys
from collections.abc import Generator, Iterator
from typing import Any

import cv2
from mmengine.config import Config
from mmengine.dataset import DefaultSampler, pseudo_collate
from torch.utils.data import DataLoader, Sampler

from facedet.common.errors import UserError
from facedet.train.machine.distributed import world
from facedet.train.machine.stop import SIGNALS
from facedet.train.samples.dataset import FaceDataset
from facedet.train.samples.sampler import OrderSampler

WORKER_KILLED = "a process that reads images was killed, probably out of memory or shared memory; give fewer --workers"
_SIGNAL_AT_THE_END_OF_THE_PARENT = 1  # PR_SET_PDEATHSIG
_STRIDE = 32  # of the backbone: the neck adds maps of its stages


def train_loader(cfg: Config, dataset: FaceDataset, device: str) -> DataLoader:
    """Batches of a rank, from where `sampler.begin` says to the end of the last epoch."""
    loader = cfg.train_dataloader
    rank, world_size = world()
    settings = {name: value for name, value in loader.sampler.items() if name not in ("type", "scales")}
    sampler = OrderSampler(
        len(dataset),
        loader.batch_size,
        cfg.train_cfg.max_epochs,
        cfg.randomness.seed,
        rank=rank,
        world_size=world_size,
        accumulate=cfg.train_cfg.accumulate,
        parts=dataset.parts,
        sizes=[view_side(scale * cfg.input_size) for scale in loader.sampler.get("scales", ())],
        **settings,
    )
    return _loader(loader, dataset, sampler, device)


def view_side(side: float) -> int:
    """The side of a view, pixels, that the network can take: the nearest to the wanted one."""
    # at least two: oneDNN's gradient of a strided bfloat16 convolution of one pixel is uninitialised memory
    return max(2, round(side / _STRIDE)) * _STRIDE


def val_loader(cfg: Config, dataset: FaceDataset, device: str) -> DataLoader:
    """A pass over the dataset. Every rank gets the same number of images; the last ones may be repeated."""
    return _loader(cfg.val_dataloader, dataset, DefaultSampler(dataset, shuffle=False), device)


def _loader(settings: Any, dataset: FaceDataset, sampler: Sampler, device: str) -> DataLoader:
    options = {name: value for name, value in settings.items() if name not in ("dataset", "sampler")}
    return DataLoader(
        dataset,
        sampler=sampler,
        collate_fn=pseudo_collate,
        worker_init_fn=_begin_worker,
        multiprocessing_context="fork" if settings["num_workers"] else None,
        pin_memory=device != "cpu",
        persistent_workers=False,  # `read_batches` ends them
        **options,
    )


def _begin_worker(worker: int) -> None:
    """Use one thread per worker, and ignore signals to the process group: the running step still needs the workers.

    A worker ends with its parent, also when it waits for a file that never comes.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SIGNAL_AT_THE_END_OF_THE_PARENT, signal.SIGKILL)
    cv2.setNumThreads(0)
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _begun(loader: DataLoader) -> Iterator[dict]:
    """The loader's iterator, with its workers started.

    They must not collect the garbage of this process: the end of a session of ONNX Runtime waits for its threads, which
    a forked process does not have.
    """
    gc.freeze()
    try:
        return iter(loader)
    finally:
        gc.unfreeze()


def read_batches(loader: DataLoader) -> Generator[dict, None, None]:
    """The batches of a loader. Close the iterator to end the loader's workers.

    Raises a worker's UserError without the worker's traceback.
    """
    try:
        yield from _begun(loader)
    except BaseException as error:
        if loader.num_workers == 0:
            raise
        # torch ends the workers when nothing refers to its iterator any more, as frames of a traceback do. They ignore
        # the signals with which Python would end them. A worker's own traceback is in the message.
        error = error.with_traceback(None)
        if isinstance(error, EOFError | ConnectionError) and not str(error).startswith("Caught "):  # in the worker
            raise UserError(WORKER_KILLED) from None
        if not isinstance(error, UserError):
            raise error
        message = str(error).rpartition(f"{UserError.__module__}.UserError: ")[2]
        raise UserError(message.removesuffix(ascii("\n")[1:-1])) from None  # a UserError escapes ends of lines
