"""Calibration measures new running statistics and does not change the function."""

import shutil
from pathlib import Path

import pytest
import torch
from helpers.graphs import distance

from facedet.common.errors import UserError
from facedet.weights.checkpoint import read_checkpoint
from facedet.weights.importing import import_weights


def test_calibration_does_not_change_the_function(
    imported: Path, calibrated: Path, trained: Path, unseen_images: Path
) -> None:
    for path in (imported, calibrated):
        px, score = distance(trained / "best.pth", path, unseen_images)
        assert px < 1e-3
        assert score < 5e-6
    identity, measured = (read_checkpoint(path)[1] for path in (imported, calibrated))
    assert not identity["backbone.layer3.0.bn1.running_mean"].any()
    assert measured["backbone.layer3.0.bn1.running_mean"].any()
    assert torch.equal(identity["backbone.layer3.0.conv1.weight"], measured["backbone.layer3.0.conv1.weight"])


def test_unreadable_images_are_left_out_of_calibration(
    unfolded: dict[str, Path], unseen_images: Path, tmp_path: Path
) -> None:
    shutil.copytree(unseen_images, tmp_path / "photos")
    (tmp_path / "photos" / "held-out-000.png").write_bytes(b"none")
    origin = import_weights(unfolded["fp32"], tmp_path / "x.pth", calibrate_on=tmp_path / "photos")
    assert origin.calibrated_on == 5
    assert "held-out-000.png: cannot be read" in origin.left_out[0]
    for path in (tmp_path / "photos").iterdir():
        path.write_bytes(b"none")
    with pytest.raises(UserError, match="cannot be read as an image"):
        import_weights(unfolded["fp32"], tmp_path / "y.pth", calibrate_on=tmp_path / "photos")
