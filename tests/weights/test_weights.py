"""Checkpoints: nothing in them is executed, what does not fit is named, a name never stands for half a file."""

import pickle
import random
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from facedet.core.common.errors import UserError
from facedet.core.common.files import write_beside
from facedet.core.detector.config import load_config, network_facts
from facedet.core.detector.model import build_detector
from facedet.core.weights.checkpoint import (
    FACTS,
    load_weights,
    read_checkpoint,
    read_torch_file,
    sha256,
    write_torch_file,
)
from facedet.core.weights.initial import read_initial


class Payload:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("old_form", [True, False])
def test_a_malicious_checkpoint_is_refused_and_does_not_run(tmp_path: Path, old_form: bool) -> None:
    content = {"state_dict": {"w": torch.zeros(2)}, "meta": Payload(tmp_path / "ran")}
    torch.save(content, tmp_path / "evil.pth", _use_new_zipfile_serialization=not old_form)
    with pytest.raises(UserError, match=r"evil\.pth: refused"):
        read_torch_file(tmp_path / "evil.pth")
    assert not (tmp_path / "ran").exists()
    torch.load(tmp_path / "evil.pth", weights_only=False)
    assert (tmp_path / "ran").exists(), "the payload does nothing: the test shows nothing"


def test_a_resumed_checkpoint_cannot_bring_code_along(trained: Path, drawn: Path, tmp_path: Path) -> None:
    from facedet.core.train.register import load_from_local

    content = read_torch_file(trained / "last.pth")
    content["meta"]["config"] = f"open({str(tmp_path / 'ran')!r}, 'w')"  # mmengine would execute it
    write_torch_file(content, tmp_path / "last.pth")
    assert "config" not in load_from_local(str(tmp_path / "last.pth"))["meta"]


def test_damaged_bytes_never_end_in_a_traceback(tmp_path: Path) -> None:
    write_torch_file(
        {"state_dict": {"w": torch.zeros(3)}, "meta": {"epoch": 1, "text": "x" * 50}}, tmp_path / "whole.pth"
    )
    whole, rng = (tmp_path / "whole.pth").read_bytes(), random.Random(0)
    refused = 0
    for _ in range(300):
        spoilt = bytearray(whole)
        for _ in range(3):
            spoilt[rng.randrange(len(whole))] = rng.randrange(256)
        (tmp_path / "spoilt.pth").write_bytes(spoilt)
        try:
            read_torch_file(tmp_path / "spoilt.pth")
        except UserError:
            refused += 1
    assert refused > 30


@pytest.mark.parametrize("content", [b"", b"no checkpoint at all", pickle.dumps([1, 2])])
def test_what_is_no_checkpoint_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(UserError, match=r"x\.pth: (not a checkpoint|refused)"):
        read_checkpoint(tmp_path / "x.pth")


def test_a_truncated_checkpoint_and_a_foreign_one_are_refused(tmp_path: Path, trained: Path) -> None:
    whole = (trained / "best.pth").read_bytes()
    (tmp_path / "half.pth").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"half\.pth: not a checkpoint, or damaged"):
        read_checkpoint(tmp_path / "half.pth")
    write_torch_file({"state_dict": {}, "meta": {"epoch": 3}}, tmp_path / "foreign.pth")
    with pytest.raises(UserError, match=r"foreign\.pth: not a checkpoint of this project"):
        read_checkpoint(tmp_path / "foreign.pth")


def test_weights_of_another_architecture_are_named(trained: Path, tmp_path: Path) -> None:
    config = load_config("tiny")
    config.model.neck.out_channels = config.model.bbox_head.in_channels = 128
    model = build_detector(config)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    with pytest.raises(UserError, match=r"best\.pth: weights of another architecture: \d+ of another shape \(.*\[64"):
        read_initial(str(trained / "best.pth")).load(model)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    told = read_initial(str(trained / "best.pth")).load(model, partial=True)
    assert re.match(
        r"\d+ of the network's \d+ weights from .*best.pth; \d+ of another shape \(bbox_head.cls_conv", told
    )
    same = torch.load(trained / "best.pth", weights_only=True)["state_dict"]
    assert torch.equal(model.backbone.layer2[0].conv1.weight, same["backbone.layer2.0.conv1.weight"])
    assert torch.equal(model.neck.lateral_convs[0].conv.weight, before["neck.lateral_convs.0.conv.weight"])
    write_torch_file(
        {"meta": {FACTS: network_facts(config)}, "state_dict": {"other": torch.zeros(1)}}, tmp_path / "x.pth"
    )
    with pytest.raises(UserError, match="none of its weights fits"):
        read_initial(str(tmp_path / "x.pth")).load(model, partial=True)
    with pytest.raises(UserError, match=r"1 missing \(bias\), 1 unknown \(offset\)"):
        load_weights(torch.nn.Linear(2, 2), {"weight": torch.zeros(2, 2), "offset": torch.zeros(2)}, "file")


def test_initial_weights_are_the_checkpoints(trained: Path) -> None:
    model = build_detector(load_config("tiny"))
    told = read_initial(str(trained / "best.pth")).load(model)
    assert told == f"all weights of {trained / 'best.pth'}"
    _, state = read_checkpoint(trained / "best.pth")
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())


def test_imagenet_weights_fill_the_backbone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import torchvision

    weights = torchvision.models.ResNet18_Weights.IMAGENET1K_V1
    state = torchvision.models.resnet18(weights=None).state_dict()
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(state, folder / weights.url.rsplit("/", 1)[1])  # where torchvision keeps what it has downloaded
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    model = build_detector(load_config("tiny"))
    told = read_initial("torchvision:resnet18").load(model)
    assert told == "torchvision:resnet18 in the backbone, the rest random"
    assert torch.equal(model.backbone.layer3[1].conv2.weight, state["layer3.1.conv2.weight"])
    other = build_detector(load_config("finetune"))
    with pytest.raises(UserError, match="weights of another architecture"):
        read_initial("torchvision:resnet18").load(other)
    with pytest.raises(UserError, match="torchvision has no such weights"):
        read_initial("torchvision:resnet17")
    again = build_detector(load_config("tiny"))
    read_initial(str(folder / weights.url.rsplit("/", 1)[1])).load(again)  # the file itself, wherever it lies
    assert all(torch.equal(v, model.backbone.state_dict()[k]) for k, v in again.backbone.state_dict().items())


def test_files_are_renamed_into_place_only_when_whole(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    target.write_text("earlier")

    def interrupted() -> None:
        with write_beside(target) as beside:
            beside.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    assert target.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_ends_in_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    code = (
        "import resource, signal, torch; from pathlib import Path\n"
        "from facedet.core.weights.checkpoint import write_torch_file\n"
        "from facedet.core.common.errors import UserError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, {resource.RLIM_INFINITY}))\n"
        f"try: write_torch_file({{'w': torch.zeros(1_000_000)}}, Path({str(tmp_path / 'big.pth')!r}))\n"
        "except UserError as error: print('told:', error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "big.pth: cannot be written" in done.stdout, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_digests_are_sha256(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
