"""Folding: the same function with fewer operations."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config

from facedet.common.errors import UserError
from facedet.common.files import sha256
from facedet.configs import FOLDER
from facedet.detector.complexity import measure_detector
from facedet.detector.config import load_config, network_to_json
from facedet.detector.head import FaceATSSHead
from facedet.detector.model import build_detector, dense, preprocess
from facedet.export.export import export_model
from facedet.export.fold import fold_layers
from facedet.export.group_norm import ChannelGroupNorm
from facedet.export.interface import interface_reasons
from facedet.inference.info import describe
from facedet.parity.check import check_parity
from facedet.parity.tolerances import TOLERANCES, allowed_before_nms
from facedet.weights.checkpoint import META_KEY
from facedet.weights.importing import import_weights
from facedet.weights.torch_file import write_torch_file

SIZES = [(320, 320), (64, 64), (100, 132), (33, 64), (1, 200)]  # levels of 80x80 down to 1x1, odd sizes
OUTPUTS = ("atss_cls", "atss_reg", "atss_centerness")


def with_large_biases(config: Config) -> Any:
    """A network with random weights, with a different scale for each level, and large biases in the neck."""
    torch.manual_seed(0)
    detector: Any = build_detector(config).eval()
    for name, parameter in detector.named_parameters():
        if name.startswith("neck.") and name.endswith(".bias"):
            parameter.data.normal_(0, 5)
        if ".gn." in name:
            parameter.data.normal_(1, 0.5)
    for k, level in enumerate(detector.bbox_head.scales):
        level.scale.data.fill_(0.8 + k / 10)
    for name in OUTPUTS:  # initial weights give the same scores everywhere, below the threshold
        torch.nn.init.normal_(getattr(detector.bbox_head, name).weight, std=0.03)
        torch.nn.init.zeros_(getattr(detector.bbox_head, name).bias)
    return detector


@pytest.fixture(scope="module")
def released() -> Any:
    return with_large_biases(load_config("tiny"))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of `tiny` with large biases."""
    config = load_config("tiny")
    detector = with_large_biases(config)
    path = tmp_path_factory.mktemp("random") / "random.pth"
    write_torch_file({"meta": {META_KEY: network_to_json(config)}, "state_dict": detector.state_dict()}, path)
    return path


@pytest.fixture(scope="module")
def files(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Path]]:
    folder = tmp_path_factory.mktemp("files")
    return {name: export_model(checkpoint, folder / name, fold=name == "folded") for name in ("folded", "released")}


def head_outputs(detector: Any, image: torch.Tensor) -> list[torch.Tensor]:
    """Outputs of the three last convolutions for each level, before mmdet rounds the boxes to float32."""
    outputs: list[torch.Tensor] = []
    modules = [getattr(detector.bbox_head, name) for name in OUTPUTS]
    hooks = [module.register_forward_hook(lambda m, i, out: outputs.append(out)) for module in modules]
    with torch.no_grad():
        detector.bbox_head(detector.neck(detector.backbone(preprocess(detector, image))))
    for hook in hooks:
        hook.remove()
    return outputs


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_folded_network_computes_the_same_in_float64(size: tuple[int, int], released: Any) -> None:
    exact = released.double()
    image = torch.rand(2, 3, *size, dtype=torch.float64) * 255
    expected, found = head_outputs(exact, image), head_outputs(fold_layers(exact), image)
    assert len(expected) == 15
    for a, b in zip(expected, found, strict=True):
        assert (a - b).abs().max() <= 1e-9 * a.abs().max()


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_boxes_and_scores_agree_in_float32(size: tuple[int, int], released: Any) -> None:
    detector, image = released.float(), torch.rand(1, 3, *size) * 255
    with torch.no_grad():
        (boxes, scores), (folded_boxes, folded_scores) = dense(detector, image), dense(fold_layers(detector), image)
    allowed = allowed_before_nms(TOLERANCES["f32"])
    assert (boxes - folded_boxes).abs().max() < allowed.px
    assert (scores - folded_scores).abs().max() < allowed.score


def test_a_constant_in_place_of_the_border_values_would_be_noticed(released: Any) -> None:
    exact = released.double()
    image = torch.rand(1, 3, 64, 64, dtype=torch.float64) * 255
    wrong: Any = fold_layers(exact)
    for context in wrong.neck.context_modules:
        for first in (module for module in context.modules() if hasattr(module, "constant")):
            first.bias.data += first.constant.data.sum(dim=(1, 2, 3))
            first.constant.data.zero_()
    expected, found = head_outputs(exact, image), head_outputs(wrong, image)
    assert all((a - b).abs().max() > 1e-3 * a.abs().max() for a, b in zip(expected, found, strict=True))


def test_a_tap_at_a_wrong_place_would_be_noticed(released: Any) -> None:
    exact = released.double()
    image = torch.rand(1, 3, 64, 64, dtype=torch.float64) * 255
    wrong: Any = fold_layers(exact)
    add = wrong.bbox_head.atss_reg[1]
    add.weight = torch.nn.Parameter(add.weight.flip(-1))
    expected, found = head_outputs(exact, image), head_outputs(wrong, image)
    alike = [bool((a - b).abs().max() <= 1e-9 * a.abs().max()) for a, b in zip(expected, found, strict=True)]
    assert alike == [a.shape[1] != 4 or max(a.shape[2:]) == 1 for a in expected]  # boxes of all levels but the smallest


def test_the_given_network_is_not_changed(released: Any) -> None:
    before = {name: tensor.clone() for name, tensor in released.state_dict().items()}
    fold_layers(released)
    after = released.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) for name in before)


def without_towers(config: Config) -> None:
    config.model.bbox_head.stacked_convs = 0


def without_group_normalization(config: Config) -> None:
    config.model.bbox_head.norm_cfg = dict(type="BN")


def without_weights_of_the_norms(config: Config) -> None:
    config.model.bbox_head.norm_cfg = dict(type="GN", num_groups=32, affine=False)


@pytest.mark.parametrize("change", [without_towers, without_group_normalization, without_weights_of_the_norms])
def test_another_kind_of_head_is_refused(change: Callable[[Config], None]) -> None:
    config = load_config("tiny")
    change(config)
    with pytest.raises(UserError, match=r"model\.bbox_head: .* cannot be folded; export with --no-fold"):
        fold_layers(build_detector(config))


def test_a_network_with_more_extra_levels_is_folded() -> None:
    config = load_config("tiny")
    config.model.neck.num_outs = 6
    config.model.bbox_head.anchor_generator.strides = [4, 8, 16, 32, 64, 128]
    detector = with_large_biases(config).double()
    image = torch.rand(1, 3, 200, 136, dtype=torch.float64) * 255
    for a, b in zip(head_outputs(detector, image), head_outputs(fold_layers(detector), image), strict=True):
        assert (a - b).abs().max() <= 1e-9 * a.abs().max()


class PlainFaceHead(FaceATSSHead):
    """A user's head: the same, by another class."""


@pytest.mark.parametrize(
    "change",
    [
        dict(neck=dict(type="FPN", in_channels=[64, 128, 256, 512], out_channels=64, num_outs=5)),
        dict(bbox_head=dict(type=PlainFaceHead)),
    ],
)
def test_only_the_layers_of_a_class_that_is_known_are_folded(change: dict) -> None:
    config = load_config("tiny")
    for name, values in change.items():
        config.model[name] = values if name == "neck" else {**config.model[name], **values}
    detector = with_large_biases(config).double()
    image = torch.rand(1, 3, 64, 100, dtype=torch.float64) * 255
    folded = fold_layers(detector)
    for a, b in zip(head_outputs(detector, image), head_outputs(folded, image), strict=True):
        assert (a - b).abs().max() <= 1e-9 * a.abs().max()
    towers = folded.bbox_head.cls_convs  # type: ignore[union-attr]
    assert isinstance(towers[0].norm, ChannelGroupNorm)  # which does not depend on the neck


def test_folding_saves_an_eighth_of_the_released_networks_convolutions() -> None:
    config = load_config(FOLDER / "face_detection_0206.py")
    detector = build_detector(config)
    folded = measure_detector(fold_layers(detector), config.input_size)
    released = measure_detector(detector, config.input_size)
    assert released.conv_gflops == pytest.approx(338.571, abs=1e-3)
    constants = 0.157  # what is added to the towers' first convolutions, known when the graph is compiled
    sums = 34_100 * 2 * 9 * (4 * 36 + 9 + 9) / 1e9  # of the taps of four box values, class and centerness
    assert folded.conv_gflops - constants - sums == pytest.approx(295.534, abs=1e-3)


@pytest.mark.parametrize("format", ["onnx", "fp32", "fp16"])
def test_folded_files_agree_with_the_released_graph(
    format: str, files: dict[str, dict[str, Path]], two_images: Path
) -> None:
    folded, released = files["folded"][format], files["released"]["fp32"]
    parity = check_parity([folded], two_images, reference=released)
    (pair,) = parity.pairs
    allowed = allowed_before_nms(pair.tolerance)  # after NMS: tests/parity/test_check.py, with a trained network
    assert [level.stride for level in pair.levels] == [4, 8, 16, 32, 64]
    for level in pair.levels:
        assert level.max_px < (1e-3 if format != "fp16" else allowed.px)
        assert level.max_score < (1e-5 if format != "fp16" else allowed.score)
    assert not interface_reasons(*parity.interfaces)


def test_a_folded_file_has_fewer_operations_and_hardly_more_constants(files: dict[str, dict[str, Path]]) -> None:
    for format in ("onnx", "fp32", "fp16"):
        folded, released = (describe(files[name][format]) for name in ("folded", "released"))
        assert folded.gflops < 0.92 * released.gflops
        assert folded.parameters < 1.1 * released.parameters
        assert (folded.origin["folded"], released.origin["folded"]) == ("yes", "no")


@pytest.mark.parametrize("format", ["onnx", "fp32", "fp16"])
def test_import_of_a_folded_file_is_refused_and_names_the_checkpoint(
    format: str, checkpoint: Path, files: dict[str, dict[str, Path]], tmp_path: Path
) -> None:
    path = files["folded"][format]
    message = (
        f"{path}: a folded export: its layers are combined and cannot be separated; use the checkpoint that it was "
        f"made from, random.pth (sha256 {sha256(checkpoint)}), or export that with --no-fold"
    )
    with pytest.raises(UserError) as caught:
        import_weights(path, tmp_path / "back.pth")
    assert str(caught.value) == message


def test_a_file_that_is_not_folded_can_be_imported(files: dict[str, dict[str, Path]], tmp_path: Path) -> None:
    assert import_weights(files["released"]["fp32"], tmp_path / "back.pth").config == "tiny"
