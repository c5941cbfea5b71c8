"""Training of imported models: batch normalization is frozen, or calibrated and trained."""

from pathlib import Path

import pytest
import torch
from helpers.graphs import in_both_modes
from helpers.short import SIZE, write_config

from facedet.export.export import export_model
from facedet.parity.check import check_parity
from facedet.train import finetune
from facedet.train.run import Run
from facedet.train.samples.dataset import FaceDataset
from facedet.weights.checkpoint import read_checkpoint
from facedet.weights.importing import import_weights
from facedet.weights.initial import read_initial


def test_after_calibration_training_mode_starts_from_the_function_of_eval_mode(
    imported: Path, calibrated: Path, drawn: Path
) -> None:
    dataset = FaceDataset(str(drawn / "train.json"), input_size=SIZE)
    expected, naive, _ = in_both_modes(imported, dataset)
    same, measured, losses = in_both_modes(calibrated, dataset)
    torch.testing.assert_close(same, expected, rtol=1e-3, atol=1e-4)
    off, naively_off = (float((found - expected).norm() / expected.norm()) for found in (measured, naive))
    assert losses[1] == pytest.approx(losses[0], rel=0.05)
    assert off < 0.3
    assert naively_off > 1  # test_docs compares the losses of a whole training run


@pytest.mark.full
def test_frozen_batch_normalization_stays_frozen_in_training_and_resume(
    imported: Path, calibrated: Path, drawn: Path, tmp_path: Path
) -> None:
    datasets = drawn / "val.json", drawn / "val.json"
    before = read_checkpoint(imported)[1]

    def interrupt(run: Run) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finetune(
            write_config(tmp_path), *datasets, work_dir=tmp_path / "run", weights=imported, epochs=2, on_epoch=interrupt
        )
    summary = finetune(write_config(tmp_path), *datasets, work_dir=tmp_path / "run", epochs=2, resume=True)
    config, after = read_checkpoint(Path(summary.last_checkpoint))
    assert config.model.backbone.norm_eval
    assert torch.equal(after["backbone.bn1.running_mean"], before["backbone.bn1.running_mean"])
    assert not torch.equal(after["backbone.bn1.weight"], before["backbone.bn1.weight"])
    assert read_initial(summary.last_checkpoint).frozen_norms
    assert not read_initial(str(calibrated)).frozen_norms
    assert summary.last_loss < 2 * summary.first_loss


@pytest.mark.full
def test_an_imported_fp16_model_can_be_trained_exported_and_checked(
    unfolded: dict[str, Path], drawn: Path, unseen_images: Path, tmp_path: Path
) -> None:
    origin = import_weights(unfolded["fp16"], tmp_path / "half.pth", calibrate_on=unseen_images)
    assert origin.calibrated_on == 6
    parity = check_parity([tmp_path / "half.pth"], unseen_images, reference=unfolded["fp16"])
    assert not any("before NMS" in reason for reason in parity.pairs[0].reasons)
    datasets = drawn / "val.json", drawn / "val.json"
    summary = finetune(
        write_config(tmp_path), *datasets, work_dir=tmp_path / "run", weights=tmp_path / "half.pth", epochs=1
    )
    tuned = Path(summary.last_checkpoint)
    config, _ = read_checkpoint(tuned)
    assert config.model.data_preprocessor.mean == read_checkpoint(tmp_path / "half.pth")[0].model.data_preprocessor.mean
    assert config.model.data_preprocessor.mean[0] == pytest.approx(123.675, abs=0.1)
    assert check_parity([tuned, export_model(tuned, tmp_path, ["fp32"])["fp32"]], unseen_images).agree
