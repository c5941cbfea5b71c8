"""Checkpoints: nothing in them is executed, differences are reported, files are complete or absent."""

import pickle
import random
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers.payload import Payload

from facedet.common.errors import UserError
from facedet.weights.checkpoint import load_weights, read_checkpoint, read_torch_file, write_torch_file


@pytest.mark.parametrize("old_format", [True, False])
def test_a_malicious_checkpoint_is_refused_and_does_not_run(tmp_path: Path, old_format: bool) -> None:
    content = {"state_dict": {"w": torch.zeros(2)}, "meta": Payload(tmp_path / "ran")}
    torch.save(content, tmp_path / "evil.pth", _use_new_zipfile_serialization=not old_format)
    with pytest.raises(UserError, match=r"evil\.pth: refused"):
        read_torch_file(tmp_path / "evil.pth")
    assert not (tmp_path / "ran").exists()
    torch.load(tmp_path / "evil.pth", weights_only=False)
    assert (tmp_path / "ran").exists(), "the payload does nothing, so the test proves nothing"


def test_damaged_bytes_never_end_in_a_traceback(tmp_path: Path) -> None:
    write_torch_file(
        {"state_dict": {"w": torch.zeros(3)}, "meta": {"epoch": 1, "text": "x" * 50}}, tmp_path / "intact.pth"
    )
    intact, rng = (tmp_path / "intact.pth").read_bytes(), random.Random(0)
    refused = 0
    for _ in range(300):
        damaged = bytearray(intact)
        for _ in range(3):
            damaged[rng.randrange(len(intact))] = rng.randrange(256)
        (tmp_path / "damaged.pth").write_bytes(damaged)
        try:
            read_torch_file(tmp_path / "damaged.pth")
        except UserError:
            refused += 1
    assert refused > 30


@pytest.mark.parametrize("content", [b"", b"no checkpoint at all", pickle.dumps([1, 2])])
def test_a_file_that_is_not_a_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(UserError, match=r"x\.pth: (not a checkpoint|refused)"):
        read_checkpoint(tmp_path / "x.pth")


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone\.pth: no such file or folder"):
        read_checkpoint(tmp_path / "gone.pth")


@pytest.mark.parametrize("name", ["model.onnx", "model.xml"])
def test_an_exported_model_is_refused_and_import_is_suggested(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"not read")
    with pytest.raises(UserError, match=f"{name}: is an exported model, not a checkpoint; .* `facedet import` first"):
        read_checkpoint(tmp_path / name)


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


def test_a_full_disk_ends_in_one_line_and_leaves_no_file(tmp_path: Path) -> None:
    code = (
        "import resource, signal, torch; from pathlib import Path\n"
        "from facedet.weights.checkpoint import write_torch_file\n"
        "from facedet.common.errors import UserError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, {resource.RLIM_INFINITY}))\n"
        f"try: write_torch_file({{'w': torch.zeros(1_000_000)}}, Path({str(tmp_path / 'big.pth')!r}))\n"
        "except UserError as error: print('error:', error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "big.pth: cannot be written; is the disk full?" in done.stdout, done.stderr
    assert list(tmp_path.iterdir()) == []
