"""Exported files keep the published interface, say where they come from, and are run on real pictures."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import openvino as ov
import pytest
from PIL import Image

from facedet.core.common.errors import UserError
from facedet.core.data.image import read_image, to_tensor
from facedet.core.data.structures import Detections
from facedet.core.export.interface import CLASSES
from facedet.core.inference.detect import detect_image, detect_pictures
from facedet.core.inference.info import describe
from facedet.core.inference.session import open_session, to_detections
from facedet.core.weights.checkpoint import sha256


def test_onnx_has_the_interface_and_passes_its_checker(exported: dict[str, Path], pictures: Path) -> None:
    onnx.checker.check_model(str(exported["onnx"]), full_check=True)
    session = onnxruntime.InferenceSession(exported["onnx"])
    (image,) = session.get_inputs()
    assert (image.name, image.shape, image.type) == ("input", [1, 3, 320, 320], "tensor(float)")
    outputs = {o.name: (o.shape, o.type) for o in session.get_outputs()}
    assert outputs == {"boxes": ([750, 5], "tensor(float)"), "labels": ([750], "tensor(int64)")}
    boxes, labels = session.run(None, {"input": to_tensor(read_image(next(pictures.iterdir())), 320)})
    assert boxes.any()
    assert not labels.any()


@pytest.mark.parametrize("form", ["fp32", "fp16"])
def test_ir_has_the_interface(exported: dict[str, Path], form: str) -> None:
    model = ov.Core().read_model(exported[form])
    assert (list(model.input(0).shape), model.input(0).element_type) == ([1, 3, 320, 320], ov.Type.f32)
    assert model.input("input") == model.input("image") == model.input(0)
    assert (list(model.output("boxes").shape), model.output("boxes").element_type) == ([750, 5], ov.Type.f32)
    assert (list(model.output("labels").shape), model.output("labels").element_type) == ([750], ov.Type.i64)


def test_fp16_halves_the_weights(exported: dict[str, Path]) -> None:
    whole, half = (exported[form].with_suffix(".bin").stat().st_size for form in ("fp32", "fp16"))
    assert half < 0.52 * whole


def test_ir_says_what_made_it(exported: dict[str, Path], trained: Path) -> None:
    model = ov.Core().read_model(exported["fp32"])
    facts = model.get_rt_info(["facedet"]).value
    assert facts["checkpoint_sha256"] == sha256(trained / "best.pth")
    assert facts["config"] == "tiny"
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", facts["version"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT.*", facts["date"])
    api = model.get_rt_info(["model_info"]).value
    assert (api["model_type"], api["resize_type"], api["labels"]) == ("ssd", "standard", " ".join(CLASSES))
    assert 0 < float(api["confidence_threshold"]) < 1


def test_rows_are_sorted_above_the_threshold_and_then_zero(exported: dict[str, Path], pictures: Path) -> None:
    for form in ("onnx", "fp32"):
        session = open_session(exported[form])
        for picture in pictures.iterdir():
            rows = session.rows(to_tensor(read_image(picture), 320))
            count = int((rows[:, 4] > 0).sum())
            assert rows.shape == (750, 6)
            assert (np.diff(rows[:count, 4]) <= 0).all()
            assert (rows[:count, 4] > 0.02).all()
            assert not rows[count:].any()
            assert ((rows[:, :4] >= 0) & (rows[:, :4] <= 320)).all()


def test_a_picture_without_faces_gives_zero_rows(exported: dict[str, Path], trained: Path, tmp_path: Path) -> None:
    from facedet.core.export.export import load_network
    from facedet.core.export.to_onnx import write_onnx

    network, size, facts = load_network(trained / "best.pth")
    network.detector.bbox_head.atss_cls.bias.data -= 50  # nothing reaches the threshold
    write_onnx(network, size, facts, tmp_path / "blind.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "blind.onnx")
    boxes, labels = session.run(None, {"input": np.full((1, 3, 320, 320), 127, np.float32)})
    assert (boxes.shape, labels.shape) == ((750, 5), (750,))
    assert not boxes.any()
    assert (
        len(ov.Core().compile_model(tmp_path / "blind.onnx", "CPU")(np.zeros((1, 3, 320, 320), np.float32))[0]) == 750
    )


def test_detect_gives_the_same_from_every_form(exported: dict[str, Path], trained: Path, pictures: Path) -> None:
    image = read_image(sorted(pictures.iterdir())[0])
    found = [detect_image(open_session(p), image) for p in (trained / "best.pth", exported["onnx"], exported["fp32"])]
    assert len(found[0].scores) > 0
    for other in found[1:]:
        np.testing.assert_allclose(other.scores[:20], found[0].scores[:20], atol=1e-4)
    assert (found[0].boxes <= [image.shape[1], image.shape[0]] * 2).all()


def test_detect_writes_pictures_and_json(exported: dict[str, Path], pictures: Path, tmp_path: Path) -> None:
    found, left_out = detect_pictures(exported["fp32"], [pictures], tmp_path / "out", threshold=0.1)
    assert left_out == []
    rows = json.loads((tmp_path / "out" / "detections.json").read_text())
    assert len(rows) == sum(len(each.detections.scores) for each in found) > 0
    assert all(set(row) == {"file_name", "bbox", "score", "category_id"} and row["score"] > 0.1 for row in rows)
    first = next(each for each in found if len(each.detections.scores))
    x1, y1, x2, y2 = first.detections.boxes[0].tolist()
    row = next(row for row in rows if row["file_name"] == first.path.name)
    assert row["bbox"] == pytest.approx([x1, y1, x2 - x1, y2 - y1], abs=2e-3)
    for path in pictures.iterdir():
        drawn = read_image(tmp_path / "out" / f"{path.stem}.png")
        assert drawn.shape == read_image(path).shape


def test_boxes_refer_to_the_upright_picture(exported: dict[str, Path], pictures: Path, tmp_path: Path) -> None:
    source = sorted(pictures.iterdir())[0]
    exif = Image.Exif()
    exif[0x0112] = 8  # shown turned a quarter to the left
    with Image.open(source) as image:
        image.transpose(Image.Transpose.ROTATE_270).save(tmp_path / "turned.png", exif=exif)
    session = open_session(exported["fp32"])
    straight, turned = (detect_image(session, read_image(p)) for p in (source, tmp_path / "turned.png"))
    np.testing.assert_allclose(turned.boxes, straight.boxes, atol=1e-3)


def test_detect_never_writes_among_the_originals(exported: dict[str, Path], pictures: Path, tmp_path: Path) -> None:
    shutil.copytree(pictures, tmp_path / "mine")
    with pytest.raises(UserError, match="holds the pictures themselves"):
        detect_pictures(exported["onnx"], [tmp_path / "mine"], tmp_path / "mine")
    spoilt = sorted((tmp_path / "mine").iterdir())[0]
    spoilt.write_bytes(b"no picture")
    found, left_out = detect_pictures(exported["onnx"], [tmp_path / "mine"], tmp_path / "out")
    assert len(found) == 5
    assert spoilt.name in left_out[0]
    with pytest.raises(UserError, match=r"2 pictures are called held-out-\d+\.png"):
        detect_pictures(exported["onnx"], [pictures, tmp_path / "mine"], tmp_path / "out")


def test_info_looks_through_compressed_weights(tmp_path: Path) -> None:
    from openvino import opset13 as op

    image = op.parameter([1, 3, 64, 64], ov.Type.f32, name="input")
    int8 = op.convert(op.constant(np.ones((8, 3, 3, 3), np.int8)), "f32")
    weights = op.multiply(int8, op.constant(np.full((8, 1, 1, 1), 0.1, np.float32)))
    conv = op.convolution(image, weights, [1, 1], [1, 1], [1, 1], [1, 1])
    biased = op.add(conv, op.convert(op.constant(np.ones((1, 8, 1, 1), np.float16)), "f32"))
    ov.save_model(ov.Model([op.relu(biased)], [image]), tmp_path / "int8.xml")
    info = describe(tmp_path / "int8.xml")
    elements = 8 * 64 * 64
    assert round(info.gflops * 1e9) == 2 * 27 * elements + 2 * elements + 2 * 3 * 64 * 64


@pytest.mark.parametrize("form", ["onnx", "fp32", "fp16"])
def test_info_counts_a_file_as_the_config(exported: dict[str, Path], form: str) -> None:
    config, file = describe("tiny"), describe(exported[form])
    assert file.gflops == pytest.approx(config.gflops, rel=1e-6)
    assert file.card_million_parameters == pytest.approx(config.card_million_parameters, abs=1e-4)
    assert any("boxes [750,5] f32" in line for line in file.interface)


def test_info_reproduces_the_card_from_the_reference_graph(standin: Path) -> None:
    info = describe(standin / "face-detection-0206.xml")
    assert round(info.card_million_parameters, 3) == pytest.approx(69.920)
    assert info.gflops == pytest.approx(339.602, rel=1e-5)


def test_zero_rows_are_dropped() -> None:
    rows = np.array([[1, 2, 3, 4, 0.5, 0], [0, 0, 0, 0, 0, 0]], np.float32)
    found = to_detections(rows)
    assert isinstance(found, Detections)
    assert found.boxes.tolist() == [[1, 2, 3, 4]]
