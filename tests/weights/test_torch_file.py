"""Torch files: nothing in them is executed, none takes more memory than its size, unusable weights are named."""

import pickle
import random
import resource
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from helpers.payload import Payload

from facedet.cli import main
from facedet.common.errors import UserError
from facedet.weights.checkpoint import read_checkpoint
from facedet.weights.torch_file import read_torch_file, write_torch_file


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


UNUSABLE = {
    "nan": (torch.tensor([1.0, float("nan")]), "has values that are not finite"),
    "infinite": (torch.tensor([1.0, float("inf")], dtype=torch.float16), "has values that are not finite"),
    "too large": (torch.full((2,), 1e300, dtype=torch.float64), "has values that are not finite"),
    "sparse": (torch.zeros(2, 2).to_sparse(), "is sparse or quantized"),
    "compressed": (torch.eye(2).to_sparse_csr(), "is sparse or quantized"),
    "quantized": (torch.quantize_per_tensor(torch.zeros(2), 1.0, 0, torch.qint8), "is sparse or quantized"),
    "meta": (torch.zeros(2, device="meta"), "has no values"),
    "expanded": (torch.zeros(1).expand(10**9), "is larger than what the file holds of it"),
    "complex": (torch.zeros(2, dtype=torch.complex64), "is of the type torch.complex64"),
    "float8": (torch.zeros(2).to(torch.float8_e4m3fn), "is of the type torch.float8_e4m3fn"),
}


@pytest.mark.parametrize("old_format", [True, False])
@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.parametrize("kind", UNUSABLE)
def test_a_tensor_that_no_network_can_use_is_named(kind: str, nested: bool, old_format: bool, tmp_path: Path) -> None:
    tensor, reason = UNUSABLE[kind]
    state = {"good": torch.zeros(2), "bad\x1b[31m": tensor}
    content: dict[str, Any] = {"state_dict": state, "meta": {}} if nested else state
    try:
        torch.save(content, tmp_path / "x.pth", _use_new_zipfile_serialization=not old_format)
    except RuntimeError:
        pytest.skip("the old format does not hold it")
    with pytest.raises(UserError) as caught:
        read_torch_file(tmp_path / "x.pth")
    message = str(caught.value)
    known = rf"x.pth: its tensor 'bad\x1b[31m' {reason}; no network can use it"
    assert message.endswith(known) or "x.pth: refused: not a checkpoint of tensors" in message or "damaged" in message
    if kind in ("nan", "infinite", "too large", "sparse", "meta", "expanded"):
        assert message.endswith(known), message


@pytest.mark.parametrize("verb", ["info", "detect", "export", "parity"])
def test_every_verb_refuses_weights_that_are_not_finite(
    verb: str, trained: Path, two_images: Path, tmp_path: Path
) -> None:
    content = read_torch_file(trained / "best.pth")
    content["state_dict"]["backbone.conv1.weight"][0, 0, 0, 0] = float("nan")
    torch.save(content, tmp_path / "nan.pth")
    model, more = str(tmp_path / "nan.pth"), ["-o", str(tmp_path / "out")]
    arguments = {
        "info": [model],
        "detect": [model, str(two_images), *more],
        "export": [model, *more],
        "parity": [model, model, "--images", str(two_images)],
    }
    done = CliRunner().invoke(main, [verb, *arguments[verb]])
    assert done.exit_code == 2
    assert "nan.pth: its tensor 'backbone.conv1.weight' has values that are not finite" in done.output
    assert not (tmp_path / "out").exists()


def test_a_file_that_unpacks_to_more_than_its_size_is_refused_before_it_is_read(tmp_path: Path) -> None:
    torch.save({"state_dict": {"w": torch.zeros(1 << 22)}, "meta": {}}, tmp_path / "plain.pth")
    with (
        zipfile.ZipFile(tmp_path / "plain.pth") as plain,
        zipfile.ZipFile(tmp_path / "small.pth", "w", zipfile.ZIP_DEFLATED) as small,
    ):
        for part in plain.infolist():
            small.writestr(part.filename, plain.read(part))
    assert (tmp_path / "small.pth").stat().st_size < 1 << 17
    assert len(torch.load(tmp_path / "small.pth")["state_dict"]["w"]) == 1 << 22, "torch does not read such a file"
    with pytest.raises(UserError, match=r"small\.pth: refused: it declares 16 MB of content, more than it holds"):
        read_torch_file(tmp_path / "small.pth")


def test_a_full_disk_ends_in_one_line_and_leaves_no_file(tmp_path: Path) -> None:
    code = (
        "import resource, signal, torch; from pathlib import Path\n"
        "from facedet.weights.torch_file import write_torch_file\n"
        "from facedet.common.errors import UserError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, {resource.RLIM_INFINITY}))\n"
        f"try: write_torch_file({{'w': torch.zeros(1_000_000)}}, Path({str(tmp_path / 'big.pth')!r}))\n"
        "except UserError as error: print('error:', error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "big.pth: cannot be written; is the disk full?" in done.stdout, done.stderr
    assert list(tmp_path.iterdir()) == []
