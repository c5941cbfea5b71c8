"""Calibration measures new running statistics and does not change the function."""

import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
import torch
from helpers.graphs import distance

from facedet.common.errors import UserError
from facedet.data.image import read_image, to_tensor
from facedet.detector.config import load_config
from facedet.detector.model import build_detector, preprocess
from facedet.weights.checkpoint import read_checkpoint
from facedet.weights.importing import import_weights
from facedet.weights.ir.calibrate import calibrate


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


def test_calibration_uses_images_of_the_whole_folder_and_says_so(
    unfolded: dict[str, Path], unseen_images: Path, tmp_path: Path
) -> None:
    read: list[str] = []
    told: list[str] = []

    def progress(items: Sequence, description: str) -> Iterable:
        if description == "calibrate":
            read.extend(path.name for path in items)
        return items

    target, threads = tmp_path / "x.pth", torch.get_num_threads()
    origin = import_weights(
        unfolded["fp32"], target, calibrate_on=unseen_images, calibrate_images=3, progress=progress, tell=told.append
    )
    assert origin.calibrated_on == 3
    assert read == ["held-out-000.png", "held-out-002.png", "held-out-004.png"]
    assert told[0] == f"{unseen_images}: 3 of its 6 images are used; --calibrate-images N uses more"
    assert re.fullmatch(r"calibrating on 3 images takes about \d+ s", told[1])
    assert torch.get_num_threads() == threads


def test_many_images_at_once_have_the_statistics_of_one_after_the_other(quick: Path, unseen_images: Path) -> None:
    torch.manual_seed(0)
    first, second = (build_detector(load_config(quick)) for _ in range(2))
    second.load_state_dict(first.state_dict())
    paths, inputs = sorted(unseen_images.iterdir()), list[torch.Tensor]()
    hook = first.backbone.layer3[0].bn1.register_forward_pre_hook(lambda _, given: inputs.append(given[0].double()))
    with torch.inference_mode():
        for path in paths:
            first.backbone(preprocess(first.eval(), torch.from_numpy(to_tensor(read_image(path), (96, 96)))))
    hook.remove()
    threads = torch.get_num_threads()
    torch.set_num_threads(2)  # and so two images at once
    assert calibrate(second, 96, paths, []) == 6
    torch.set_num_threads(threads)
    every = torch.cat(inputs).transpose(0, 1).flatten(1)
    norm = second.backbone.layer3[0].bn1
    torch.testing.assert_close(norm.running_mean, every.mean(1).float())
    torch.testing.assert_close(norm.running_var, every.var(1, correction=0).float())
