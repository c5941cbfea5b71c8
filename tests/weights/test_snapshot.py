"""The released snapshot comes in whole, and nothing that runs comes with it."""

import json
import sys
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from facedet.cli import main
from facedet.core.common.errors import UserError
from facedet.core.weights.importing import import_weights


def snapshot(reference: Path, **change: object) -> dict:
    """A file of the released form: every key, in shape and type, of tensors that share one zero."""
    keys = json.loads((reference / "snapshot-keys.json").read_text())
    state = {name: torch.zeros((), dtype=getattr(torch, kind)).expand(shape) for name, shape, kind in keys}
    return {"meta": {"epoch": 70, "CLASSES": ("face",)}, "state_dict": state, "optimizer": {}, **change}


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda s: s.pop("neck.fpn_convs.4.conv.bias"), r"1 missing \(neck\.fpn_convs\.4\.conv\.bias\)"),
        (lambda s: s.update(more=torch.zeros(1)), r"1 unknown \(more\)"),
        (
            lambda s: s.update({"bbox_head.atss_cls.bias": torch.zeros(2)}),
            r"1 of another shape \(bbox_head\.atss_cls\.bias: \[2\] for \[1\]\)",
        ),
        (lambda s: s.update({"backbone.conv1.weight": torch.zeros(64, 3, 7, 7)}), "names 1 of its weights twice"),
    ],
)
def test_a_snapshot_with_too_little_or_too_much_is_refused(
    spoil: Callable, told: str, reference: Path, tmp_path: Path
) -> None:
    content = snapshot(reference)
    spoil(content["state_dict"])
    torch.save(content, tmp_path / "snapshot.pth")
    with pytest.raises(UserError, match=told):
        import_weights(tmp_path / "snapshot.pth", tmp_path / "out.pth")
    assert not (tmp_path / "out.pth").exists()


class Payload:
    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_a_malicious_snapshot_is_refused_and_does_not_run(tmp_path: Path) -> None:
    for place, old_form in (("meta", True), ("optimizer", True), ("meta", False), ("state_dict", False)):
        content = {"state_dict": {"backbone.conv1.weight": torch.zeros(1)}, place: Payload(tmp_path / "ran")}
        torch.save(content, tmp_path / "snapshot.pth", _use_new_zipfile_serialization=not old_form)
        done = CliRunner().invoke(main, ["import", str(tmp_path / "snapshot.pth"), "-o", str(tmp_path / "x.pth")])
        assert done.exit_code == 2
        assert "snapshot.pth: refused" in done.output
        assert not (tmp_path / "ran").exists()
        assert not (tmp_path / "x.pth").exists()


def test_what_the_libraries_of_2020_left_is_read_as_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from facedet.core.weights.snapshot import read_snapshot

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
    for old_form in (True, False):
        torch.save({"state_dict": state, "meta": meta}, tmp_path / "s.pth", _use_new_zipfile_serialization=not old_form)
        text = (tmp_path / "s.pth").read_bytes()
        assert b"ConfigDict" in text
        assert list(read_snapshot(tmp_path / "s.pth")) == ["backbone.layer1.0.conv1.weight"]


def test_other_files_are_refused_by_name(tmp_path: Path, trained: Path) -> None:
    small = {"state_dict": {"backbone.features.stage1.unit1.conv1.conv.weight": torch.zeros(1)}}
    torch.save(small, tmp_path / "small.pth")
    with pytest.raises(UserError, match=r"not face-detection-0206 but one of its family .* MobileNetV2"):
        import_weights(tmp_path / "small.pth", tmp_path / "out.pth")
    with pytest.raises(UserError, match="is a checkpoint of this project already"):
        import_weights(trained / "best.pth", tmp_path / "out.pth")
    with pytest.raises(UserError, match="needs no --calibrate"):
        import_weights(trained / "best.pth", tmp_path / "out.pth", calibrate_on=tmp_path)
    torch.save({"w": torch.zeros(1)}, tmp_path / "plain.pth")
    with pytest.raises(UserError, match="not a training snapshot"):
        import_weights(tmp_path / "plain.pth", tmp_path / "out.pth")


def test_a_file_is_never_replaced_by_what_is_imported_from_it(reference: Path, tmp_path: Path) -> None:
    torch.save(snapshot(reference), tmp_path / "snapshot.pth")
    before = (tmp_path / "snapshot.pth").read_bytes()
    (tmp_path / "link.pth").symlink_to(tmp_path / "snapshot.pth")
    for target in ("snapshot.pth", "link.pth"):
        with pytest.raises(UserError, match="would replace what is imported"):
            import_weights(tmp_path / "snapshot.pth", tmp_path / target)
    assert (tmp_path / "snapshot.pth").read_bytes() == before
