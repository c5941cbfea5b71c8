"""Batches that other processes read."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from torch.utils.data import DataLoader, Dataset

from facedet.train.samples.loaders import read_batches


class Garbage:
    """Lives until it is collected; writes the process that does it."""

    def __init__(self, path: Path):
        self.path, self.itself = path, self

    def __del__(self) -> None:
        with self.path.open("a") as file:
            file.write(f"{os.getpid()}\n")


class Collecting(Dataset):
    """Collects garbage wherever it is read."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> int:
        gc.collect()
        return os.getpid()


@pytest.fixture
def no_automatic_collection() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_automatic_collection")
def test_workers_do_not_collect_what_belongs_to_their_parent(tmp_path: Path) -> None:
    """Some of it, such as a session of ONNX Runtime, waits for threads that a worker does not have."""
    Garbage(tmp_path / "collected")
    batches = read_batches(DataLoader(Collecting(), num_workers=2, multiprocessing_context="fork", collate_fn=list))
    processes = {process for batch in batches for process in batch}
    assert len(processes) == 2
    assert os.getpid() not in processes
    assert not (tmp_path / "collected").exists()
    gc.collect()
    assert (tmp_path / "collected").read_text() == f"{os.getpid()}\n"
