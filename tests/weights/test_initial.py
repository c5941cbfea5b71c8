"""Initial weights: from a checkpoint, from ImageNet, in whole or in part."""

import re
from pathlib import Path

import pytest
import torch

from facedet.common.errors import UserError
from facedet.detector.config import load_config, network_to_json
from facedet.detector.model import build_detector
from facedet.weights.checkpoint import META_KEY, read_checkpoint
from facedet.weights.initial import read_initial
from facedet.weights.torch_file import write_torch_file


def test_weights_of_another_architecture_are_refused_or_loaded_in_part(trained: Path, tmp_path: Path) -> None:
    config = load_config("tiny")
    config.model.neck.out_channels = config.model.bbox_head.in_channels = 128
    model = build_detector(config)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    message = r"best\.pth: weights of another architecture: \d+ with a different shape \(.*\[64"
    with pytest.raises(UserError, match=message):
        read_initial(str(trained / "best.pth")).load(model)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    loaded = read_initial(str(trained / "best.pth")).load(model, partial=True)
    assert re.match(
        r"\d+ of the network's \d+ weights from .*best.pth; \d+ with a different shape \(bbox_head.cls_conv", loaded
    )
    same = torch.load(trained / "best.pth", weights_only=True)["state_dict"]
    assert torch.equal(model.backbone.layer2[0].conv1.weight, same["backbone.layer2.0.conv1.weight"])
    assert torch.equal(model.neck.lateral_convs[0].conv.weight, before["neck.lateral_convs.0.conv.weight"])
    write_torch_file(
        {"meta": {META_KEY: network_to_json(config)}, "state_dict": {"other": torch.zeros(1)}}, tmp_path / "x.pth"
    )
    with pytest.raises(UserError, match="none of its weights fits"):
        read_initial(str(tmp_path / "x.pth")).load(model, partial=True)


def test_the_weights_of_a_checkpoint_are_loaded(trained: Path) -> None:
    model = build_detector(load_config("tiny"))
    loaded = read_initial(str(trained / "best.pth")).load(model)
    assert loaded == f"all weights of {trained / 'best.pth'}"
    _, state = read_checkpoint(trained / "best.pth")
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())


def test_frozen_batch_normalization_is_not_mixed_with_random_layers(imported: Path) -> None:
    with pytest.raises(UserError, match="its batch normalization is frozen, --allow-partial would mix it"):
        read_initial(str(imported)).load(build_detector(load_config("tiny")), partial=True)
