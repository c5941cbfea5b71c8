"""Variants of exports give the detections of the plain export, and are refused where they cannot be."""

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import openvino as ov
import pytest
from helpers.boxes import assert_same
from helpers.short import LEVELS, SIZE
from openvino import opset13 as ops

from facedet.common.errors import UserError
from facedet.data.image import find_images, read_image, to_tensor
from facedet.data.structures import Detections
from facedet.evaluation.gated_quantization import quantize_model
from facedet.export.adapt import adapt
from facedet.export.postprocess import postprocess
from facedet.export.variants import Variant
from facedet.inference.detect import detect_image
from facedet.inference.info import describe
from facedet.inference.session import open_session, to_detections
from facedet.parity.check import check_parity
from facedet.weights.importing import import_weights
from facedet.weights.ir.graph import core

F32 = {"INFERENCE_PRECISION_HINT": "f32"}
Exports = Callable[..., dict[str, Path]]


def compiled(model: Path | ov.Model) -> Any:
    return core().compile_model(model, "CPU", F32)


def runner(path: Path) -> Callable[[np.ndarray], list[np.ndarray]]:
    """Takes the input and gives the outputs of an ONNX file or an IR."""
    if path.suffix == ".onnx":
        session = onnxruntime.InferenceSession(path)
        return lambda tensor: session.run(None, {"input": tensor})
    model = compiled(path)
    return lambda tensor: list(model(tensor).values())


def images_of(*folders: Path) -> list[np.ndarray]:
    return [read_image(path) for folder in folders for path in find_images(folder)[:3]]


@pytest.mark.parametrize("format", ["onnx", "fp32"])
def test_without_nms_the_file_beside_gives_the_rows_of_the_plain_export(
    format: str, exported_as: Exports, exported: dict[str, Path], unseen_images: Path, faces: Path
) -> None:
    files = exported_as(nms=False)
    facts = describe(files[format]).origin
    beside = runpy.run_path(str(files["postprocess"]))["postprocess"]
    thresholds = {name: float(facts[name]) for name in ("score_threshold", "iou_threshold")}
    raw, plain = runner(files[format]), open_session(exported[format])
    for image in images_of(unseen_images, faces / "images"):
        tensor = to_tensor(image, (SIZE, SIZE))
        (boxes, scores), dense = raw(tensor), plain.dense(tensor)
        assert (boxes.shape, scores.shape) == ((sum(LEVELS), 4), (sum(LEVELS),))
        np.testing.assert_allclose(boxes, dense[0], rtol=0, atol=2e-3)  # two graphs are compiled in two ways
        np.testing.assert_allclose(scores, dense[1], rtol=0, atol=5e-6)
        rows = beside(boxes, scores, max_boxes=int(facts["max_boxes"]), **thresholds)
        assert_same(to_detections(rows), to_detections(plain.run(tensor)), above=0.05, px=2e-3, score=5e-6)


def test_numpy_selects_what_the_graph_selects(exported: dict[str, Path], unseen_images: Path, faces: Path) -> None:
    """On the very same boxes and scores: the same rows. The graph does not say which of equal scores comes first."""
    rule = open_session(exported["fp32"]).nms_rule
    model = core().read_model(exported["fp32"])
    (nms,) = (node for node in model.get_ops() if node.get_type_name() == "NonMaxSuppression")
    model.add_outputs([nms.input_value(0), nms.input_value(1)])
    network = compiled(model)
    for image in images_of(unseen_images, faces / "images"):
        rows, _, boxes, scores = network(to_tensor(image, (SIZE, SIZE))).values()
        found = postprocess(boxes[0], scores[0, 0], **rule)
        assert len(found) == (rows[:, 4] > 0).sum() > 0
        np.testing.assert_array_equal(found[:, 4], rows[: len(found), 4])
        assert sorted(found.tolist()) == sorted(rows[: len(found)].tolist())


@pytest.mark.parametrize("format", ["fp32", pytest.param("fp16", marks=pytest.mark.full)])
def test_a_picture_of_any_size_gives_what_detect_gives(
    format: str, exported_as: Exports, exported: dict[str, Path], unseen_images: Path, faces: Path
) -> None:
    model, session = compiled(exported_as(input="u8")[format]), open_session(exported[format])
    images = images_of(unseen_images, faces / "images")
    assert len({image.shape for image in images}) > 3
    for image in [*images, cv2.resize(images[0], (1600, 1200)), images[0][::5, ::5]]:
        rows = model(image[None])["boxes"]
        found, expected = Detections(rows[:, :4], rows[:, 4]), detect_image(session, image)
        assert_same(found, expected, above=0.05, px=0.1, score=3e-4)


@pytest.mark.parametrize("shape", [(640, 640), (64, 64), (128, 128), (37, 53), (1, 1), (1080, 1920), (64, 301)])
def test_a_picture_is_resized_as_by_opencv(shape: tuple[int, int]) -> None:
    image = ops.parameter([1, 3, 64, 64], ov.Type.f32, name="input")
    graph = ov.Model([ops.result(image)], [image])
    graph.output(0).get_tensor().set_names({"labels"})  # which stay as they are
    picture = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
    difference = np.abs(compiled(adapt(graph, Variant(input="u8")))(picture[None])[0] - to_tensor(picture, (64, 64)))
    assert difference.max() <= 1
    assert (difference > 0).mean() < 5e-3


@pytest.mark.parametrize("format", [pytest.param("onnx", marks=pytest.mark.full), "fp32"])
def test_a_batch_gives_what_its_images_give(
    format: str, exported_as: Exports, exported: dict[str, Path], unseen_images: Path
) -> None:
    tensors = [to_tensor(image, (SIZE, SIZE)) for image in images_of(unseen_images)[:2]]
    boxes, labels = runner(exported_as(batch=2)[format])(np.concatenate(tensors))
    assert (boxes.shape, labels.shape) == ((2, 750, 5), (2, 750))
    alone = runner(exported[format])
    for rows, tensor in zip(boxes, tensors, strict=True):
        found, expected = (Detections(r[:, :4], r[:, 4]) for r in (rows, alone(tensor)[0]))
        assert_same(found, expected, above=0.05, px=0.01, score=1e-5)


def test_a_batch_without_nms(exported_as: Exports) -> None:
    model = core().read_model(exported_as(nms=False, batch=2, formats="fp32", input="u8")["fp32"])
    shapes = [list(output.shape) for output in model.outputs]
    assert (str(model.input(0).partial_shape), shapes) == ("[2,?,?,3]", [[2, sum(LEVELS), 4], [2, sum(LEVELS)]])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layout": "coco"}, "--layout coco: give one of published, model-api"),
        ({"input": "i8"}, "--input i8: give one of f32, u8"),
        ({"batch": 0}, "--batch 0: give 1 or more images"),
        ({"layout": "model-api", "nms": False}, "leave out --no-nms and --batch"),
        ({"layout": "model-api", "batch": 2}, "leave out --no-nms and --batch"),
        ({"input": "u8", "formats": "onnx"}, "--formats onnx: only an IR has these options; give fp32,fp16"),
    ],
)
def test_what_cannot_be_is_refused(options: dict, message: str, exported_as: Exports) -> None:
    with pytest.raises(UserError, match=message):
        exported_as(**options)


VARIANTS: list[tuple[dict[str, Any], str, str]] = [
    ({"nms": False}, "--no-nms", "detector-fp32-no-nms.xml"),
    ({"input": "u8"}, "--input u8", "detector-fp32-u8.xml"),
    ({"layout": "model-api"}, "--layout model-api", "detector-fp32-model-api.xml"),
    ({"layout": "detection-output"}, "--layout detection-output", "detector-fp32-detection-output.xml"),
    (
        {"layout": "detection-output", "input": "u8"},
        "--layout detection-output --input u8",
        "detector-fp32-detection-output-u8.xml",
    ),
    ({"batch": 2}, "--batch 2", "detector-fp32-batch2.xml"),
    (
        {"nms": False, "input": "u8", "batch": 2},
        "--no-nms --input u8 --batch 2",
        "detector-fp32-no-nms-u8-batch2.xml",
    ),
]
QUICK = ("detector-fp32-detection-output-u8.xml",)  # and the others in `make test-full`


@pytest.mark.parametrize(
    ("options", "words", "name"),
    [pytest.param(*each, marks=[] if each[2] in QUICK else pytest.mark.full, id=each[2]) for each in VARIANTS],
)
def test_every_variant_is_described_and_runs_like_the_plain_file(
    options: dict, words: str, name: str, exported_as: Exports, exported: dict[str, Path], unseen_images: Path
) -> None:
    path = exported_as(**options, formats="fp32")["fp32"]
    assert path.name == name  # so two variants in one folder do not replace each other
    info, plain = describe(path), describe(exported["fp32"])
    assert (info.input_size, info.origin["checkpoint"], info.origin["variant"]) == (SIZE, "best.pth", words)
    assert "variant" not in plain.origin
    assert info.gflops == pytest.approx(plain.gflops, rel=0.01)  # of one image
    session = open_session(path)
    assert session.variant == Variant(**options)
    parity = check_parity([exported["fp32"], path], unseen_images)
    assert parity.agree, parity.pairs[0].reasons
    assert parity.pairs[0].difference.matched > 20
    tensor = to_tensor(images_of(unseen_images)[0], (SIZE, SIZE))
    rows, (many,) = session.run(tensor), session.run_many([tensor])
    assert_same(to_detections(many), to_detections(rows), above=0.05, px=2e-3, score=5e-6)
    assert [values.shape for values in session.dense(tensor)] == [(sum(LEVELS), 4), (sum(LEVELS),)]


@pytest.mark.full
@pytest.mark.parametrize("options", [{"nms": False}, {"batch": 2}])
def test_an_onnx_variant_runs_too(
    options: dict, exported_as: Exports, exported: dict[str, Path], unseen_images: Path
) -> None:
    parity = check_parity([exported["onnx"], exported_as(**options, formats="onnx")["onnx"]], unseen_images)
    assert parity.agree, parity.pairs[0].reasons


def test_detection_output_is_that_of_an_ssd(
    exported_as: Exports, exported: dict[str, Path], unseen_images: Path
) -> None:
    model, plain = core().read_model(exported_as(layout="detection-output")["fp32"]), open_session(exported["fp32"])
    assert [(port.any_name, list(port.shape)) for port in model.outputs] == [("detection_out", [1, 1, 750, 7])]
    tensor = to_tensor(images_of(unseen_images)[0], (SIZE, SIZE))
    (found,) = compiled(model)(tensor).values()
    image, label, score, *corners = found[0, 0].T
    count = int((image == 0).sum())
    assert 0 < count < 750
    assert (image[count:] == -1).all()
    assert not label.any()
    assert (np.diff(score[:count]) <= 0).all()
    expected = plain.run(tensor)[:count]
    np.testing.assert_allclose(np.transpose(corners)[:count] * SIZE, expected[:, :4], atol=2e-3)
    np.testing.assert_allclose(score[:count], expected[:, 4], atol=5e-6)


@pytest.mark.parametrize("options", ["", "--no-nms", "--layout model-api --input u8", "--no-nms --input u8 --batch 3"])
def test_the_options_of_a_variant_give_it_back(options: str) -> None:
    assert Variant.of(options).options == options


@pytest.mark.parametrize("options", ["--evil", "--batch", "--batch x", "--layout", "--no-nms --no-nms", "published"])
def test_options_of_no_variant_are_refused(options: str) -> None:
    with pytest.raises((ValueError, UserError)):
        Variant.of(options)


@pytest.mark.full
def test_a_variant_is_not_quantized(exported_as: Exports, unseen_images: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="was exported with --input u8; give a plain FP32 IR"):
        quantize_model(exported_as(input="u8", formats="fp32")["fp32"], unseen_images, tmp_path)


@pytest.mark.full
def test_a_variant_cannot_be_imported(exported_as: Exports, tmp_path: Path) -> None:
    path = exported_as(input="u8", formats="fp32", fold=False)["fp32"]
    with pytest.raises(UserError, match="import an export without --input, --layout and --batch"):
        import_weights(path, tmp_path / "imported.pth")
    assert not (tmp_path / "imported.pth").exists()
