"""ImageNet weights of torchvision: the names in mmdet, the file in torch's cache, its checksum."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from helpers.download_faults import wrong_byte
from helpers.download_server import DownloadServer
from helpers.torchvision_files import put
from torch import nn

from facedet.common.errors import UserError
from facedet.detector.config import load_config
from facedet.detector.model import build_detector
from facedet.weights.imagenet import backbone_weights, imagenet_file
from facedet.weights.initial import read_initial

LEVELS = (3, 6, 13, 18)  # of torchvision's features, whose outputs are those of mmdet's layers 2, 3, 5 and the last


def trained_like(network: nn.Module) -> nn.Module:
    """The network with running statistics, weights and biases of batch normalization that all differ."""
    generator = torch.Generator().manual_seed(0)
    for norm in (m for m in network.modules() if isinstance(m, nn.BatchNorm2d)):
        for tensor, low in ((norm.running_var, 0.5), (norm.running_mean, -0.5), (norm.weight, 0.5), (norm.bias, -0.5)):
            tensor.data.copy_(torch.rand(tensor.shape, generator=generator) + low)
    return network.eval()


def backbone_of(config_name: str, state: dict[str, torch.Tensor], **settings: Any) -> nn.Module:
    config = load_config(config_name)
    config.model.backbone.update(settings)
    backbone = build_detector(config).eval().backbone
    weights = backbone_weights(state)
    assert weights is not None
    backbone.load_state_dict(weights)  # every name and shape
    return backbone


def assert_equal_features(theirs: nn.Module, ours: nn.Module) -> None:
    """The outputs of MobileNetV2 that the neck reads, within 1e-5 of the largest value."""
    expected, x = [], torch.randn(2, 3, 96, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found = ours(x)
        for k, layer in enumerate(theirs.features):  # type: ignore[arg-type]
            x = layer(x)
            expected += [x] if k in LEVELS else []
    assert [tuple(level.shape[1:]) for level in found] == [(24, 24, 16), (32, 12, 8), (96, 6, 4), (1280, 3, 2)]
    for mine, other in zip(found, expected, strict=True):
        assert (mine - other).abs().max() <= 1e-5 * other.abs().max()


def test_mobilenet_v2_computes_the_same_features_in_mmdet() -> None:
    theirs = trained_like(torchvision.models.mobilenet_v2(weights=None))
    assert_equal_features(theirs, backbone_of("small", theirs.state_dict()))


def test_the_published_weights_compute_the_same_features_in_mmdet(
    imagenet_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(imagenet_weights))
    state = torch.load(imagenet_file("mobilenet_v2"), weights_only=True)
    theirs = torchvision.models.mobilenet_v2(weights=None).eval()
    theirs.load_state_dict(state)
    ours = build_detector(load_config("small"))
    loaded = read_initial("torchvision:mobilenet_v2").load(ours)
    assert loaded == "torchvision:mobilenet_v2 in the backbone, the rest random"
    assert_equal_features(theirs, ours.eval().backbone)


def test_resnet_computes_the_same_features_in_mmdet() -> None:
    theirs = trained_like(torchvision.models.resnet18(weights=None))
    ours, x = backbone_of("tiny", theirs.state_dict()), torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        found = ours(x)
        x = theirs.maxpool(theirs.relu(theirs.bn1(theirs.conv1(x))))
        for mine, layer in zip(found, (theirs.layer1, theirs.layer2, theirs.layer3, theirs.layer4), strict=True):
            x = layer(x)
            assert (mine - x).abs().max() <= 1e-5 * x.abs().max()


@pytest.fixture(scope="module")
def resnet18() -> dict[str, torch.Tensor]:
    return torchvision.models.resnet18(weights=None).state_dict()


def test_weights_are_downloaded_once_and_kept(
    torchvision_server: DownloadServer, resnet18: dict[str, torch.Tensor]
) -> None:
    put(torchvision_server.folder, "resnet18", resnet18)
    model, again = build_detector(load_config("tiny")), build_detector(load_config("tiny"))
    loaded = read_initial("torchvision:resnet18").load(model)
    assert loaded == "torchvision:resnet18 in the backbone, the rest random"
    assert torch.equal(model.backbone.layer3[1].conv2.weight, resnet18["layer3.1.conv2.weight"])
    cached = imagenet_file("resnet18")
    read_initial("torchvision:resnet18").load(again)
    read_initial(str(cached)).load(again)  # the file itself, in any folder
    assert torchvision_server.requested == [""]
    assert all(torch.equal(v, model.backbone.state_dict()[k]) for k, v in again.backbone.state_dict().items())
    with pytest.raises(UserError, match="weights of another architecture"):
        read_initial("torchvision:resnet18").load(build_detector(load_config("finetune")))


def test_a_damaged_download_is_refused_and_not_kept(
    torchvision_server: DownloadServer, resnet18: dict[str, torch.Tensor]
) -> None:
    put(torchvision_server.folder, "resnet18", resnet18)
    torchvision_server.becomes(always=(wrong_byte,))
    with pytest.raises(UserError, match=r"resnet18-\w{8}\.pth: is not torchvision's file of resnet18 \(its sha256"):
        read_initial("torchvision:resnet18")
    assert list(Path(torch.hub.get_dir(), "checkpoints").iterdir()) == []


def test_a_damaged_file_in_the_cache_is_refused(
    torchvision_server: DownloadServer, resnet18: dict[str, torch.Tensor]
) -> None:
    put(torchvision_server.folder, "resnet18", resnet18)
    path = imagenet_file("resnet18")
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(UserError, match=r"resnet18-\w{8}\.pth: .* not torchvision's file .*; remove it"):
        read_initial("torchvision:resnet18")


def test_all_digits_of_mobilenet_v2s_checksum_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    path = tmp_path / "hub" / "checkpoints" / "mobilenet_v2-b0353104.pth"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")
    digest = type("Digest", (), {"hexdigest": lambda self: "b0353104" + "0" * 56})
    monkeypatch.setattr(hashlib, "file_digest", lambda file, algorithm: digest())
    with pytest.raises(UserError, match="not torchvision's file"):
        read_initial("torchvision:mobilenet_v2")


def test_without_a_network_the_message_says_where_the_file_belongs(torchvision_server: DownloadServer) -> None:
    with pytest.raises(
        UserError, match=r"resnet18-0+\.pth: the server answers 404 .*; copy .* to \S+/hub/checkpoints/\S+, or give --"
    ):
        read_initial("torchvision:resnet18")


@pytest.mark.parametrize("name", ["resnet17", "resnet", "vgg16"])  # vgg16 is not downloaded
def test_names_that_torchvision_or_mmdet_lacks_are_refused(name: str) -> None:
    with pytest.raises(UserError, match=f"torchvision:{name}: give weights of a network that mmdet has too"):
        read_initial(f"torchvision:{name}")


def test_files_of_other_mobilenets_are_refused(tmp_path: Path) -> None:
    state = torchvision.models.mobilenet_v2(weights=None).state_dict()
    old = {name.replace("conv.0.0", "conv.0"): tensor for name, tensor in state.items()}  # as before torchvision 0.4
    torch.save(old, tmp_path / "old.pth")
    with pytest.raises(UserError, match=r"old\.pth: not a checkpoint of this project"):
        read_initial(str(tmp_path / "old.pth"))
    other = {name.replace("features.2.conv.3", "features.2.conv.9"): tensor for name, tensor in state.items()}
    torch.save(other, tmp_path / "other.pth")
    with pytest.raises(UserError, match=r"other\.pth: weights of another architecture"):
        read_initial(str(tmp_path / "other.pth")).load(build_detector(load_config("small")))
