"""The released snapshot is imported completely, and nothing in it is executed."""

import json
import re
import sys
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.graphs import distance
from helpers.payload import Payload

from facedet.common.errors import UserError
from facedet.common.files import sha256
from facedet.detector.config import load_config
from facedet.detector.model import build_detector
from facedet.weights.checkpoint import read_checkpoint
from facedet.weights.importing import import_weights
from facedet.weights.origin import Origin
from facedet.weights.snapshot import our_name, read_snapshot


def snapshot(reference: Path, **change: object) -> dict:
    """The content of a file like the released one: every key, with its shape and type; the tensors share one zero."""
    keys = json.loads((reference / "snapshot-keys.json").read_text())
    state = {name: torch.zeros((), dtype=getattr(torch, kind)).expand(shape) for name, shape, kind in keys}
    return {"meta": {"epoch": 70, "CLASSES": ("face",)}, "state_dict": state, "optimizer": {}, **change}


def test_the_network_has_the_parameters_of_the_snapshot(reference: Path) -> None:
    released = build_detector(load_config("face_detection_0206")).eval()
    keys = json.loads((reference / "snapshot-keys.json").read_text())
    ours = {name: (list(t.shape), str(t.dtype).removeprefix("torch.")) for name, t in released.state_dict().items()}
    assert sum(p.numel() for p in released.parameters()) == 63_788_363
    assert {our_name(name): (shape, dtype) for name, shape, dtype in keys} == ours
    same = {name for name, _, _ in keys if not name.startswith("backbone.")}
    assert same == {name for name in ours if not name.startswith("backbone.")}
    assert len({our_name(name) for name, _, _ in keys}) == len(keys) == 1013


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("neck.fpn_convs.4.conv.bias"), r"1 missing \(neck\.fpn_convs\.4\.conv\.bias\)"),
        (lambda s: s.update(more=torch.zeros(1)), r"1 unknown \(more\)"),
        (
            lambda s: s.update({"bbox_head.atss_cls.bias": torch.zeros(2)}),
            r"1 with a different shape \(bbox_head\.atss_cls\.bias: \[2\] instead of \[1\]\)",
        ),
        (
            lambda s: s.update({"backbone.conv1.weight": torch.zeros(64, 3, 7, 7)}),
            "contains 1 of its weights twice, under different names",
        ),
    ],
)
def test_a_snapshot_with_missing_or_additional_weights_is_refused(
    change: Callable, message: str, reference: Path, tmp_path: Path
) -> None:
    content = snapshot(reference)
    change(content["state_dict"])
    torch.save(content, tmp_path / "snapshot.pth")
    with pytest.raises(UserError, match=message):
        import_weights(tmp_path / "snapshot.pth", tmp_path / "out.pth")
    assert not (tmp_path / "out.pth").exists()


@pytest.mark.parametrize(
    ("key", "old_format"), [("meta", True), ("optimizer", True), ("meta", False), ("state_dict", False)]
)
def test_a_malicious_snapshot_is_refused_and_does_not_run(key: str, old_format: bool, tmp_path: Path) -> None:
    content = {"state_dict": {"backbone.conv1.weight": torch.zeros(1)}, key: Payload(tmp_path / "ran")}
    torch.save(content, tmp_path / "snapshot.pth", _use_new_zipfile_serialization=not old_format)
    with pytest.raises(UserError, match=r"snapshot\.pth: refused"):
        import_weights(tmp_path / "snapshot.pth", tmp_path / "x.pth")
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "x.pth").exists()


def test_objects_of_the_libraries_of_2020_are_read_without_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class ConfigDict(dict):
        pass

    ConfigDict.__module__, ConfigDict.__qualname__ = "mmcv.utils.config", "ConfigDict"
    config = types.ModuleType("mmcv.utils.config")
    config.ConfigDict = ConfigDict  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mmcv.utils.config", config)
    made = ConfigDict(model="ATSS")
    made.filename = "model.py"  # type: ignore[attr-defined]
    meta = {"config": made, "best": np.float64(0.3), "history": np.arange(3), "work_dir": Path("runs")}
    state = {"backbone.features.stage1.unit1.body.conv1.conv.weight": torch.ones(1)}
    for old_format in (True, False):
        content = {"state_dict": state, "meta": meta}
        torch.save(content, tmp_path / "s.pth", _use_new_zipfile_serialization=not old_format)
        text = (tmp_path / "s.pth").read_bytes()
        assert b"ConfigDict" in text
        assert list(read_snapshot(tmp_path / "s.pth")) == ["backbone.layer1.0.conv1.weight"]


def test_other_checkpoints_are_refused_with_the_reason(tmp_path: Path, trained: Path) -> None:
    small = {"state_dict": {"backbone.features.stage1.unit1.conv1.conv.weight": torch.zeros(1)}}
    torch.save(small, tmp_path / "small.pth")
    message = "not face-detection-0206 but a model of the same family .* MobileNetV2"
    with pytest.raises(UserError, match=message):
        import_weights(tmp_path / "small.pth", tmp_path / "out.pth")
    with pytest.raises(UserError, match="is already a checkpoint of this project; use it with --weights"):
        import_weights(trained / "best.pth", tmp_path / "out.pth")
    with pytest.raises(UserError, match="a snapshot has its own running mean and variance; leave out --calibrate"):
        import_weights(trained / "best.pth", tmp_path / "out.pth", calibrate_on=tmp_path)
    torch.save({"w": torch.zeros(1)}, tmp_path / "plain.pth")
    with pytest.raises(UserError, match="not a training snapshot"):
        import_weights(tmp_path / "plain.pth", tmp_path / "out.pth")


def snapshot_name(name: str) -> str:
    """The snapshot's name of our weight `name`: the inverse of `our_name`."""
    if stem := re.fullmatch(r"backbone\.(conv|bn)1\.(\w+)", name):
        return f"backbone.features.init_block.conv.{stem[1]}.{stem[2]}"
    if unit := re.fullmatch(r"backbone\.layer(\d)\.(\d+)\.(?:(conv|bn)(\d)|downsample\.(\d))\.(\w+)", name):
        stage, block, kind, conv, shortcut, tensor = unit.groups()
        branch = f"identity_conv.{('conv', 'bn')[int(shortcut)]}" if shortcut else f"body.conv{conv}.{kind}"
        return f"backbone.features.stage{stage}.unit{int(block) + 1}.{branch}.{tensor}"
    return name


def test_an_imported_snapshot_gives_the_detections_of_its_weights(
    trained: Path, unseen_images: Path, tmp_path: Path
) -> None:
    state = {snapshot_name(name): tensor for name, tensor in read_checkpoint(trained / "best.pth")[1].items()}
    assert {our_name(name) for name in state} != state.keys()
    torch.save({"meta": {"epoch": 70}, "state_dict": state, "optimizer": {}}, tmp_path / "snapshot.pth")
    origin = import_weights(tmp_path / "snapshot.pth", tmp_path / "out.pth", config="tiny")
    assert origin == Origin("snapshot", {"snapshot.pth": sha256(tmp_path / "snapshot.pth")}, "tiny")
    assert distance(trained / "best.pth", tmp_path / "out.pth", unseen_images) == (0, 0)


def test_an_import_never_replaces_its_source(reference: Path, tmp_path: Path) -> None:
    torch.save(snapshot(reference), tmp_path / "snapshot.pth")
    before = (tmp_path / "snapshot.pth").read_bytes()
    (tmp_path / "link.pth").symlink_to(tmp_path / "snapshot.pth")
    for target in ("snapshot.pth", "link.pth"):
        with pytest.raises(UserError, match=r"would change .*, which is only read"):
            import_weights(tmp_path / "snapshot.pth", tmp_path / target)
    assert (tmp_path / "snapshot.pth").read_bytes() == before
