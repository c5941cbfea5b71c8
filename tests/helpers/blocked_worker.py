"""A program with a worker of a training run, which reads the files that are given. Prints its PID after each."""

import multiprocessing
import sys
from pathlib import Path

import torch
from mmengine.config import Config
from torch.utils.data import Dataset

from facedet.train.machine.process import process_settings
from facedet.train.samples.loaders import read_batches, val_loader


class Files(Dataset):
    """Their content as tensors."""

    def __len__(self) -> int:
        return len(sys.argv) - 1

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.tensor(list(Path(sys.argv[1 + index]).read_bytes()))


if __name__ == "__main__":
    settings = Config({"val_dataloader": {"batch_size": 1, "num_workers": 1, "prefetch_factor": 1}})
    with process_settings("cpu", cudnn_benchmark=False):
        for _ in read_batches(val_loader(settings, Files(), "cpu")):  # type: ignore[arg-type]
            print(multiprocessing.active_children()[0].pid, flush=True)
