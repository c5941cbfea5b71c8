"""Checkpoints: nothing in them is executed, differences are reported, files are complete or absent."""

from pathlib import Path

import pytest
import torch

from facedet.common.errors import UserError
from facedet.weights.checkpoint import load_weights, read_checkpoint
from facedet.weights.torch_file import write_torch_file


def test_a_truncated_checkpoint_and_one_of_another_program_are_refused(tmp_path: Path, trained: Path) -> None:
    complete = (trained / "best.pth").read_bytes()
    (tmp_path / "half.pth").write_bytes(complete[: len(complete) // 2])
    with pytest.raises(UserError, match=r"half\.pth: not a checkpoint, or damaged"):
        read_checkpoint(tmp_path / "half.pth")
    write_torch_file({"state_dict": {}, "meta": {"epoch": 3}}, tmp_path / "foreign.pth")
    with pytest.raises(UserError, match=r"foreign\.pth: not a checkpoint of this project"):
        read_checkpoint(tmp_path / "foreign.pth")


def test_missing_and_unknown_weights_are_reported() -> None:
    with pytest.raises(UserError, match=r"1 missing \(bias\), 1 unknown \(offset\)"):
        load_weights(torch.nn.Linear(2, 2), {"weight": torch.zeros(2, 2), "offset": torch.zeros(2)}, "file")
