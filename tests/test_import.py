"""Snapshots and graphs come back as checkpoints that compute the same, and nothing else comes in."""

import sys
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
import torch
from click.testing import CliRunner
from mmengine.dataset import pseudo_collate
from openvino import opset13 as ops

from data.errors import UserError
from data.image import read_image, to_tensor
from detector.model import build_detector, dense
from export.parity import check_parity
from export.ship import export
from facedet.cli import main
from train import finetune
from train.dataset import FaceDataset
from weights.checkpoint import config_of, fill, read_checkpoint, read_file
from weights.graph import read_folded
from weights.graph_places import graph_places
from weights.importing import ORIGIN, import_weights
from weights.initial import read_initial
from weights.places import Mismatch, Place, match

NORMS = 20  # batch norms of `tiny`


@pytest.fixture(scope="module")
def imported(exported: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny IR, imported without photographs."""
    path = tmp_path_factory.mktemp("imported") / "imported.pth"
    import_weights(exported["fp32"], path)
    return path


@pytest.fixture(scope="module")
def calibrated(exported: dict[str, Path], drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny IR, imported with the pictures it was trained on."""
    path = tmp_path_factory.mktemp("calibrated") / "calibrated.pth"
    origin = import_weights(exported["fp32"], path, calibrate_on=drawn / "images")
    assert (origin.frozen_norms, origin.calibrated_on) == (0, 32)
    return path


def detector_of(path: Path) -> torch.nn.Module:
    config, state = read_checkpoint(path)
    detector = build_detector(config)
    fill(detector, state, str(path))
    return detector


def distance(first: Path, second: Path, pictures: Path) -> tuple[float, float]:
    """Largest difference before NMS of two checkpoints: pixels, score."""
    px, score = 0.0, 0.0
    nets = [detector_of(path).eval() for path in (first, second)]
    for picture in sorted(pictures.iterdir())[:3]:
        image = torch.from_numpy(to_tensor(read_image(picture), 320))
        with torch.inference_mode():
            (boxes, scores), (other_boxes, other_scores) = (dense(net, image) for net in nets)
        px = max(px, float((boxes - other_boxes).abs().max()))
        score = max(score, float((scores - other_scores).abs().max()))
    return px, score


@pytest.mark.parametrize("form", ["onnx", "fp32"])
def test_our_exports_come_back(
    form: str, exported: dict[str, Path], trained: Path, pictures: Path, tmp_path: Path
) -> None:
    origin = import_weights(exported[form], tmp_path / "back.pth")
    assert origin.config == "tiny"
    assert origin.frozen_norms == NORMS
    px, score = distance(trained / "best.pth", tmp_path / "back.pth", pictures)
    assert px < 1e-3
    assert score < 5e-6
    state, original = read_checkpoint(tmp_path / "back.pth")[1], read_checkpoint(trained / "best.pth")[1]
    for name, tensor in original.items():
        if ".gn." in name or ".context_modules." in name or "cls" in name:
            torch.testing.assert_close(state[name], tensor, rtol=1e-6, atol=1e-7)
    found, scales = (torch.stack([s[f"bbox_head.scales.{k}.scale"] for k in range(5)]) for s in (state, original))
    torch.testing.assert_close(found, scales / scales[0], rtol=1e-5, atol=0)


def test_a_half_precision_file_comes_back_as_it_was_stored(exported: dict[str, Path], tmp_path: Path) -> None:
    origin = import_weights(exported["fp16"], tmp_path / "back.pth")
    assert origin.form == "f16 IR"
    assert origin.proof_as_stored is not None
    assert origin.proof is not None
    assert origin.proof_as_stored.px < 2e-2
    assert origin.proof_as_stored.score < 5e-5
    assert origin.proof.px < 0.1  # one weight for all levels, each of whose copies was rounded by itself


@pytest.mark.parametrize("half", [False, True])
def test_irs_of_version_10_come_back(
    half: bool, exported: dict[str, Path], trained: Path, pictures: Path, tmp_path: Path
) -> None:
    model = ov.Core().read_model(exported["fp32"])
    if half:  # everything is computed in half precision there, without conversions
        passes = ov.passes.Manager()
        passes.register_pass(ov.passes.ConvertFP32ToFP16())
        passes.run_passes(model)
    ov.serialize(model, tmp_path / "v10.xml")
    text = (tmp_path / "v10.xml").read_text().replace("type_relaxed_", "")
    assert text.count('version="11"') == 1
    (tmp_path / "v10.xml").write_text(text.replace('version="11"', 'version="10"'))
    origin = import_weights(tmp_path / "v10.xml", tmp_path / "back.pth")
    assert origin.form == ("f16 IR" if half else "f32 IR")
    px, score = distance(trained / "best.pth", tmp_path / "back.pth", pictures)
    assert px < (0.5 if half else 1e-3)
    assert score < (5e-3 if half else 5e-6)


def test_batch_norms_that_are_still_there_come_back_with_their_statistics(
    exported: dict[str, Path], trained: Path, pictures: Path, tmp_path: Path
) -> None:
    model, rng, means = ov.Core().read_model(exported["fp32"]), np.random.default_rng(0), []
    for conv in of_the_backbone(model):
        (port,) = conv.output(0).get_target_inputs()
        add, channels = port.get_node(), conv.get_output_shape(0)[1]
        gamma, mean = (rng.uniform(0.5, 1.5, channels).astype(np.float32) for _ in range(2))
        variance = rng.uniform(0.5, 2, channels).astype(np.float32)
        scale = gamma / np.sqrt(variance + 1e-3)
        bias = add.input_value(1).get_node().data.reshape(-1)
        replace_weight(conv, lambda w, s=scale: w / s[:, None, None, None])
        norm = ops.batch_norm_inference(conv, gamma, bias + mean * scale, mean, variance, 1e-3)
        for user in add.output(0).get_target_inputs():
            user.replace_source_output(norm.output(0))
        means.append(mean)
    ov.serialize(model, tmp_path / "unfolded.xml")
    origin = import_weights(tmp_path / "unfolded.xml", tmp_path / "back.pth")
    assert origin.frozen_norms == 0
    assert distance(trained / "best.pth", tmp_path / "back.pth", pictures)[0] < 1e-2
    _, state = read_checkpoint(tmp_path / "back.pth")
    np.testing.assert_array_equal(state["backbone.bn1.running_mean"], means[0])


def test_scales_and_shifts_that_were_not_fused_come_back(
    exported: dict[str, Path], trained: Path, pictures: Path, tmp_path: Path
) -> None:
    model, rng = ov.Core().read_model(exported["fp32"]), np.random.default_rng(0)
    for conv in of_the_backbone(model):
        scale = rng.uniform(0.5, 2, (1, conv.get_output_shape(0)[1], 1, 1)).astype(np.float32)
        (port,) = conv.output(0).get_target_inputs()
        replace_weight(conv, lambda w, s=scale: w / s.reshape(-1, 1, 1, 1))
        port.replace_source_output(ops.multiply(conv, scale).output(0))
    ov.serialize(model, tmp_path / "unfused.xml")
    import_weights(tmp_path / "unfused.xml", tmp_path / "back.pth")
    assert distance(trained / "best.pth", tmp_path / "back.pth", pictures)[0] < 1e-2


def convolutions(model: ov.Model) -> list[ov.Node]:
    return [node for node in model.get_ordered_ops() if node.get_type_name() == "Convolution"]


def of_the_backbone(model: ov.Model) -> list[ov.Node]:
    named = [(conv, conv.input_value(1).get_node().get_friendly_name()) for conv in convolutions(model)]
    return [conv for conv, name in named if "neck" not in name and "head" not in name][:NORMS]


def replace_weight(conv: ov.Node, change: Callable[[np.ndarray], np.ndarray]) -> None:
    weight = conv.input_value(1).get_node().data
    conv.input(1).replace_source_output(ops.constant(np.float32(change(weight))).output(0))


def one_levels_weight(model: ov.Model) -> None:
    conv = next(c for c in convolutions(model) if len(c.input_value(1).get_target_inputs()) == 5)
    replace_weight(conv, lambda w: w * 1.01)


def one_levels_boxes(model: ov.Model) -> None:
    conv = next(c for c in convolutions(model) if c.get_output_shape(0)[1] == 4)
    replace_weight(conv, lambda w: w + np.random.default_rng(0).normal(0, w.std() / 10, w.shape))


def an_operation_more(model: ov.Model) -> None:
    relu = next(node for node in model.get_ordered_ops() if node.get_type_name() == "Relu")
    users = relu.output(0).get_target_inputs()
    more = ops.tanh(relu)
    for user in users:
        user.replace_source_output(more.output(0))


def a_convolution_more(model: ov.Model) -> None:
    conv = convolutions(model)[-1]
    users = conv.output(0).get_target_inputs()
    side = ops.convolution(
        ops.tanh(conv), np.ones((1, conv.get_output_shape(0)[1], 1, 1), np.float32), [1, 1], [0, 0], [0, 0], [1, 1]
    )
    for user in users:
        user.replace_source_output(ops.add(conv, side).output(0))


def another_mean(model: ov.Model) -> None:
    node = convolutions(model)[0].input_value(0).get_node()
    constant = next(port for port in node.inputs() if port.get_source_output().get_node().get_type_name() == "Constant")
    constant.replace_source_output(ops.constant(constant.get_source_output().get_node().data + 7).output(0))


def another_decoder(model: ov.Model) -> None:
    exp = next(node for node in model.get_ordered_ops() if node.get_type_name() == "Exp")
    exp.input(0).replace_source_output(ops.multiply(exp.input_value(0), np.float32(1.01)).output(0))


def quantised(model: ov.Model) -> None:
    conv = convolutions(model)[0]
    low, high = np.float32(-1), np.float32(1)
    conv.input(1).replace_source_output(ops.fake_quantize(conv.input_value(1), low, high, low, high, 255).output(0))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            one_levels_weight,
            r"bbox_head\.\w+_convs\.\d\.conv\.weight is shared by the levels, and not the same on each",
        ),
        (one_levels_boxes, r"bbox_head\.atss_reg differs between the levels by more than a factor"),
        (an_operation_more, r"not the graph of this network: it has not the network's pool"),
        (a_convolution_more, r"not the graph of this network: it holds convolutions besides the network's"),
        (another_mean, r"it takes a mean of 11\d\.\d+, .* off the image, the config 123\.675, 116\.280, 103\.530"),
        (another_decoder, r"computes something else: off by .* px, .* of score, allowed 0\.02 px, 5e-05 of score"),
        (quantised, r"is an INT8 file: .*; import the FP32 or FP16 file, and quantise again after training"),
    ],
)
def test_a_graph_that_is_another_is_refused(
    change: Callable[[ov.Model], None], told: str, exported: dict[str, Path], tmp_path: Path
) -> None:
    model = ov.Core().read_model(exported["fp32"])
    change(model)
    ov.serialize(model, tmp_path / "other.xml")
    with pytest.raises(UserError, match=told) as caught:
        import_weights(tmp_path / "other.xml", tmp_path / "back.pth")
    assert str(caught.value).startswith(f"{tmp_path / 'other.xml'}: ")
    assert not (tmp_path / "back.pth").exists()


def test_a_graph_of_another_size_is_refused(exported: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"takes \[1,3,320,320\], the network of face_detection_0206 \[1, 3, 640, 640\]"
    ):
        import_weights(exported["fp32"], tmp_path / "back.pth", config="face_detection_0206")
    with pytest.raises(UserError, match=r"the name of a checkpoint ends in \.pth"):
        import_weights(exported["fp32"], tmp_path / "back")


def test_places_are_matched_whatever_the_order() -> None:
    def network(order: int) -> list[Place]:
        image = Place("image")
        left, right = Place("conv", ((1,), 3), [image]), Place("conv", ((1,), 3), [image])
        tail, both = Place("relu", (), [left]), Place("add", (), [])
        both.inputs = [tail, right][::order]
        return [image, *[left, right][::order], tail, both]

    ours, theirs = network(1), network(-1)
    pairs = match(ours, theirs)
    assert [theirs.index(b) for _, b in pairs] == [0, 2, 1, 3, 4]
    theirs[4].inputs = [theirs[3], theirs[3]]
    with pytest.raises(Mismatch):
        match(ours, theirs)


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


def loss_of(path: Path, drawn: Path, training: bool) -> float:
    detector = detector_of(path)
    dataset = FaceDataset(str(drawn / "train.json"), input_size=320)
    detector.train(training)
    for module in detector.modules():
        if training and isinstance(module, torch.nn.BatchNorm2d):
            module.train()  # what a naive import would do
    batch = detector.data_preprocessor(pseudo_collate([dataset[k] for k in range(12)]), training=True)
    with torch.no_grad():
        losses = detector.loss(batch["inputs"], batch["data_samples"])
    return sum(float(torch.stack(v).sum() if isinstance(v, list) else v) for v in losses.values())


def test_training_mode_starts_where_eval_mode_is_once_calibrated(imported: Path, calibrated: Path, drawn: Path) -> None:
    eval_loss = loss_of(imported, drawn, training=False)
    assert loss_of(calibrated, drawn, training=False) == pytest.approx(eval_loss, rel=1e-4)
    off, naively_off = (abs(loss_of(path, drawn, training=True) - eval_loss) for path in (calibrated, imported))
    assert off < 0.05 * eval_loss
    assert off < 0.3 * naively_off


def test_frozen_norms_stay_frozen_through_training_and_resume(
    imported: Path, calibrated: Path, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from train import hooks

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


def test_there_and_back_again(imported: Path, exported: dict[str, Path], pictures: Path, tmp_path: Path) -> None:
    again = export(imported, tmp_path, ["fp32"])
    parity = check_parity([imported, again["fp32"]], pictures, reference=exported["fp32"])
    assert parity.agree, [pair.reasons for pair in parity.pairs]
    assert parity.pairs[1].difference.matched > 100
    assert [level.anchors for level in parity.pairs[1].levels] == [6400, 1600, 400, 100, 25]


def test_an_import_says_where_it_comes_from(imported: Path, exported: dict[str, Path]) -> None:
    content = read_file(imported)
    assert config_of(content, imported).model.backbone.norm_eval
    assert set(content["meta"][ORIGIN]["files"]) == {"detector-fp32.xml", "detector-fp32.bin"}
    done = CliRunner().invoke(main, ["info", str(imported)])
    assert "imported from: f32 IR detector-fp32.xml (sha256 " in done.output


def test_the_command_tells_what_it_proved(exported: dict[str, Path], tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["import", str(exported["fp16"]), "-o", str(tmp_path / "x.pth")])
    assert done.exit_code == 0, done.output
    assert "f16 IR of tiny, every weight in its place" in done.output
    assert "20 batch norms have no statistics and stay frozen" in done.output


def test_every_weight_of_the_published_graph_is_used(standin: Path) -> None:
    used = 0
    for place in graph_places(read_folded(standin / "face-detection-0206.xml")).places:
        if place.kind == "conv":
            used += place.content.weight.size + (np.size(place.content.shift) if np.any(place.content.shift) else 0)
        elif place.kind == "norm":
            used += np.size(place.content.scale) + np.size(place.content.shift)
    per_level, scales = 1_483_531, 5  # the head's parameters stand once for each of five levels; scales are folded
    assert used == 63_788_363 - 75_712 - scales + 4 * (per_level - scales)


def snapshot(reference: Path, **change: object) -> dict:
    """A small-scale file of the released form: every key, one number in each tensor's place."""
    import json

    keys = json.loads((reference / "snapshot-keys.json").read_text())
    state = {name: torch.zeros(shape, dtype=getattr(torch, kind)) for name, shape, kind in keys}
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
    for place in ("meta", "optimizer"):
        content = {"state_dict": {"backbone.conv1.weight": torch.zeros(1)}, place: Payload(tmp_path / "ran")}
        torch.save(content, tmp_path / "snapshot.pth", _use_new_zipfile_serialization=False)
        done = CliRunner().invoke(main, ["import", str(tmp_path / "snapshot.pth"), "-o", str(tmp_path / "x.pth")])
        assert done.exit_code == 2
        assert "snapshot.pth: refused" in done.output
        assert not (tmp_path / "ran").exists()
        assert not (tmp_path / "x.pth").exists()


def test_what_the_libraries_of_2020_left_is_read_as_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from weights.snapshot import read_snapshot

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
