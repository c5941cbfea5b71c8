"""Batch norms that were folded away: frozen, or measured again on photographs."""

import shutil
from pathlib import Path

import pytest
import torch
from helpers.graphs import distance, in_both_modes

from facedet.core.common.errors import UserError
from facedet.core.detector.config import load_config
from facedet.core.detector.model import build_detector
from facedet.core.export.export import export
from facedet.core.parity.check import check_parity
from facedet.core.train import finetune
from facedet.core.train.dataset import FaceDataset
from facedet.core.weights.checkpoint import read_checkpoint
from facedet.core.weights.importing import import_weights
from facedet.core.weights.initial import read_initial


def test_with_and_without_photographs_the_function_is_the_same(
    imported: Path, calibrated: Path, trained: Path, pictures: Path
) -> None:
    for path in (imported, calibrated):
        px, score = distance(trained / "best.pth", path, pictures)
        assert px < 1e-3
        assert score < 5e-6
    identity, measured = (read_checkpoint(path)[1] for path in (imported, calibrated))
    assert not identity["backbone.layer3.0.bn1.running_mean"].any()
    assert measured["backbone.layer3.0.bn1.running_mean"].any()
    assert torch.equal(identity["backbone.layer3.0.conv1.weight"], measured["backbone.layer3.0.conv1.weight"])


def test_training_mode_starts_where_eval_mode_is_once_calibrated(imported: Path, calibrated: Path, drawn: Path) -> None:
    dataset = FaceDataset(str(drawn / "train.json"), input_size=320)
    expected, naive, _ = in_both_modes(imported, dataset)
    same, measured, losses = in_both_modes(calibrated, dataset)
    torch.testing.assert_close(same, expected, rtol=1e-3, atol=1e-4)
    off, naively_off = (float((found - expected).norm() / expected.norm()) for found in (measured, naive))
    assert losses[1] == pytest.approx(losses[0], rel=0.05)
    assert off < 0.3
    assert naively_off > 1  # the losses of a whole training are compared in test_readme


def test_frozen_norms_stay_frozen_through_training_and_resume(
    imported: Path, calibrated: Path, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from facedet.core.train import hooks

    sets = drawn / "val.json", drawn / "val.json"
    before = read_checkpoint(imported)[1]

    def interrupted(self, runner) -> None:
        self._save(runner, "last.pth", {}, resumable=True)
        raise KeyboardInterrupt

    monkeypatch.setattr(hooks.Checkpoints, "after_train_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        finetune("tiny", *sets, work_dir=tmp_path / "run", weights=imported, epochs=2)
    monkeypatch.undo()
    summary = finetune("tiny", *sets, work_dir=tmp_path / "run", epochs=2, resume=True)
    config, after = read_checkpoint(Path(summary.last_checkpoint))
    assert config.model.backbone.norm_eval
    assert torch.equal(after["backbone.bn1.running_mean"], before["backbone.bn1.running_mean"])
    assert not torch.equal(after["backbone.bn1.weight"], before["backbone.bn1.weight"])
    assert read_initial(summary.last_checkpoint).frozen_norms
    assert not read_initial(str(calibrated)).frozen_norms
    assert summary.last_loss < 2 * summary.first_loss


def test_photographs_that_cannot_be_read_are_left_out_of_calibration(
    exported: dict[str, Path], pictures: Path, tmp_path: Path
) -> None:
    shutil.copytree(pictures, tmp_path / "photos")
    (tmp_path / "photos" / "held-out-000.png").write_bytes(b"none")
    origin = import_weights(exported["fp32"], tmp_path / "x.pth", calibrate_on=tmp_path / "photos")
    assert origin.calibrated_on == 5
    assert "held-out-000.png: cannot be read" in origin.left_out[0]
    for path in (tmp_path / "photos").iterdir():
        path.write_bytes(b"none")
    with pytest.raises(UserError, match="cannot be read as a picture"):
        import_weights(exported["fp32"], tmp_path / "y.pth", calibrate_on=tmp_path / "photos")


def test_a_half_precision_import_can_be_tuned_exported_and_proved(
    exported: dict[str, Path], drawn: Path, pictures: Path, tmp_path: Path
) -> None:
    origin = import_weights(exported["fp16"], tmp_path / "half.pth", calibrate_on=pictures)
    assert origin.calibrated_on == 6
    parity = check_parity([tmp_path / "half.pth"], pictures, reference=exported["fp16"])
    assert not any("before NMS" in reason for reason in parity.pairs[0].reasons)
    sets = drawn / "val.json", drawn / "val.json"
    summary = finetune("tiny", *sets, work_dir=tmp_path / "run", weights=tmp_path / "half.pth", epochs=1)
    tuned = Path(summary.last_checkpoint)
    config, _ = read_checkpoint(tuned)
    assert config.model.data_preprocessor.mean == read_checkpoint(tmp_path / "half.pth")[0].model.data_preprocessor.mean
    assert config.model.data_preprocessor.mean[0] == pytest.approx(123.675, abs=0.1)
    assert check_parity([tuned, export(tuned, tmp_path, ["fp32"])["fp32"]], pictures).agree


def test_frozen_norms_are_not_mixed_with_random_ones(imported: Path) -> None:
    with pytest.raises(UserError, match="its batch norms are frozen, --allow-partial would mix them"):
        read_initial(str(imported)).load(build_detector(load_config("tiny")), partial=True)
