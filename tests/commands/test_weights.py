"""The commands that get weights: import."""

from pathlib import Path

import torch
from click.testing import CliRunner
from helpers.payload import Payload

from facedet.cli import main
from facedet.weights.checkpoint import config_from_checkpoint
from facedet.weights.origin import ORIGIN
from facedet.weights.torch_file import read_torch_file


def test_import_prints_the_result_of_the_comparison(unfolded: dict[str, Path], tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["import", str(unfolded["fp16"]), "-o", str(tmp_path / "x.pth")])
    assert done.exit_code == 0, done.output
    assert "imported all weights of the tiny f16 IR" in done.output
    assert "20 batch normalization layers have no running statistics and stay frozen" in done.output


def test_an_imported_checkpoint_states_its_source(imported: Path) -> None:
    content = read_torch_file(imported)
    assert config_from_checkpoint(content, imported).model.backbone.norm_eval
    assert set(content["meta"][ORIGIN]["files"]) == {"detector-fp32.xml", "detector-fp32.bin"}
    done = CliRunner().invoke(main, ["info", str(imported)])
    assert "imported from: f32 IR detector-fp32.xml (sha256 " in done.output


def test_import_refuses_a_malicious_snapshot_and_does_not_run_it(tmp_path: Path) -> None:
    for key, old_format in (("meta", True), ("state_dict", False)):  # all: tests/weights/test_snapshot.py
        content = {"state_dict": {"backbone.conv1.weight": torch.zeros(1)}, key: Payload(tmp_path / "ran")}
        torch.save(content, tmp_path / "snapshot.pth", _use_new_zipfile_serialization=not old_format)
        done = CliRunner().invoke(main, ["import", str(tmp_path / "snapshot.pth"), "-o", str(tmp_path / "x.pth")])
        assert done.exit_code == 2
        assert "snapshot.pth: refused" in done.output
        assert not (tmp_path / "ran").exists()
        assert not (tmp_path / "x.pth").exists()
