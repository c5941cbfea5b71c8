"""Programs that nobody here wrote open the exports, each from its package, and find what `facedet detect` finds."""

import json
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import openvino as ov
import pytest
import supervision
from helpers.boxes import assert_same
from helpers.environments import CLIENTS, environment, node_modules
from helpers.markdown import ROOT
from helpers.short import SIZE
from model_api.adapters import OpenvinoAdapter
from model_api.models import Model
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from facedet.common.errors import UserError
from facedet.data.image import find_images, read_image, to_photo, to_tensor
from facedet.data.structures import Detections
from facedet.detector.config import load_config, network_to_json
from facedet.detector.model import build_detector
from facedet.evaluation.evaluate import evaluate
from facedet.export.export import export_model
from facedet.inference.detect import detect_image, detect_images
from facedet.inference.info import describe
from facedet.inference.session import open_session
from facedet.weights.checkpoint import META_KEY
from facedet.weights.ir.graph import core
from facedet.weights.torch_file import write_torch_file

F32 = {"INFERENCE_PRECISION_HINT": "f32"}
ABOVE = 0.1  # the detector has seen drawn faces only
Exports = Callable[..., dict[str, Path]]


@pytest.fixture(scope="module")
def photographs(faces: Path, unseen_images: Path) -> list[np.ndarray]:
    """Two photographs and two drawn images, little larger than the input."""
    paths = [path for folder in (faces / "images", unseen_images) for path in find_images(folder)[1:3]]
    return [cv2.resize(read_image(path), None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA) for path in paths]


@pytest.fixture(scope="module")
def agrees(exported: dict[str, Path], photographs: list[np.ndarray]) -> Callable[..., None]:
    """Compares a client, which takes an image uint8 [h, w, 3] BGR, with `facedet detect`: 1 px, 0.001 of score.

    best: how many detections the client gives at most.
    """
    session = open_session(exported["fp32"])

    def check(client: Callable[[np.ndarray], Detections], best: int = 750) -> None:
        for image in photographs:
            expected = detect_image(session, image)
            expected = Detections(expected.boxes[:best], expected.scores[:best])
            assert_same(client(image), expected, above=ABOVE, px=1, score=1e-3)

    return check


def in_photo(rows: np.ndarray, image: np.ndarray, size: int = SIZE) -> Detections:
    return Detections(to_photo(rows[:, :4], (size, size), image.shape[1], image.shape[0]), rows[:, 4])


@pytest.mark.parametrize("options", [{}, {"input": "u8"}])
def test_benchmark_app(options: dict, exported_as: Exports, faces: Path, tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("benchmark_app")
    picture = find_images(faces / "images")[0]
    arguments = ["-m", exported_as(**options)["fp32"], "-i", picture, "-d", "CPU", "-niter", "2", "-hint", "none"]
    done = subprocess.run([program, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Throughput: +[\d.]+ FPS", done.stdout)


@pytest.mark.parametrize(
    ("options", "format"),
    [
        ({"layout": "model-api"}, "fp32"),
        ({"layout": "model-api"}, "fp16"),
        ({"layout": "detection-output"}, "fp32"),
        ({"layout": "detection-output", "input": "u8", "formats": "fp32"}, "fp32"),
    ],
)
def test_model_api(options: dict, format: str, exported_as: Exports, agrees: Callable[..., None]) -> None:
    adapter = OpenvinoAdapter(core(), str(exported_as(**options)[format]), device="CPU", plugin_config=F32)
    model = Model.create_model(adapter, configuration={"confidence_threshold": ABOVE / 2})

    def client(image: np.ndarray) -> Detections:
        if not model.params.embedded_processing:  # its own resize rounds differently
            image, (height, width) = cv2.resize(image, (SIZE, SIZE)), image.shape[:2]
            result = model(image)
            return Detections(to_photo(result.bboxes.astype(np.float32), (SIZE, SIZE), width, height), result.scores)
        result = model(image)
        assert set(result.label_names) == {"face"}
        return Detections(result.bboxes.astype(np.float32), result.scores)

    agrees(client)


def test_model_api_reads_its_metadata(exported_as: Exports) -> None:
    path = exported_as(layout="model-api", input="u8", formats="fp32")["fp32"]  # u8 goes without saying
    model = Model.create_model(str(path), device="CPU")
    point = open_session(path).operating_point
    assert point is not None
    assert (model.params.confidence_threshold, model.params.labels) == (point.threshold, ["face"])
    assert model.params.embedded_processing


def test_onnx_runtime(exported: dict[str, Path], agrees: Callable[..., None]) -> None:
    session = onnxruntime.InferenceSession(exported["onnx"])

    def client(image: np.ndarray) -> Detections:
        tensor = cv2.resize(image, (SIZE, SIZE)).transpose(2, 0, 1)[None].astype(np.float32)
        return in_photo(session.run(["boxes"], {"input": tensor})[0], image)

    agrees(client)


@pytest.mark.full
def test_opencv_opens_the_file_without_nms_and_folding(exported_as: Exports, agrees: Callable[..., None]) -> None:
    files = exported_as(nms=False, fold=False, formats="onnx")
    facts = describe(files["onnx"]).origin
    rule = {name: float(facts[name]) for name in ("score_threshold", "iou_threshold")}
    postprocess = runpy.run_path(str(files["postprocess"]))["postprocess"]
    net = cv2.dnn.readNetFromONNX(str(files["onnx"]))

    def client(image: np.ndarray) -> Detections:
        net.setInput(cv2.dnn.blobFromImage(image, size=(SIZE, SIZE)))
        boxes, scores = net.forward(["boxes", "scores"])
        return in_photo(postprocess(boxes, scores.ravel(), max_boxes=int(facts["max_boxes"]), **rule), image)

    agrees(client)


def test_opencv_opens_no_file_with_nms(unfolded: dict[str, Path]) -> None:
    with pytest.raises(cv2.error, match=r"Node \[Unsqueeze@ai.onnx\].* parse error"):  # before NMS
        cv2.dnn.readNetFromONNX(str(unfolded["onnx"]))


@pytest.mark.full
def test_opencv_opens_no_folded_file(tmp_path: Path) -> None:
    """Of an input of 320 pixels: of smaller ones, the constants at the borders are computed when it is exported."""
    config = load_config("tiny")
    detector = build_detector(config)
    for name, parameter in detector.named_parameters():
        if name.endswith(".bias"):
            parameter.data.normal_()
    content = {"meta": {META_KEY: network_to_json(config)}, "state_dict": detector.state_dict()}
    write_torch_file(content, tmp_path / "random.pth")
    path = export_model(tmp_path / "random.pth", tmp_path, "onnx", nms=False)["onnx"]
    with pytest.raises(cv2.error, match=r"Node \[Conv@ai.onnx\].* parse error"):  # of a constant
        cv2.dnn.readNetFromONNX(str(path))


def test_a_reader_like_those_of_the_open_model_zoo(exported: dict[str, Path], agrees: Callable[..., None]) -> None:
    model: Any = core().compile_model(exported["fp32"], "CPU", F32)
    height, width = model.input("image").shape[2:]
    (name,) = (next(iter(output.names)) for output in model.outputs if len(output.shape) == 2)

    def client(image: np.ndarray) -> Detections:
        fed = cv2.resize(image, (width, height)).transpose(2, 0, 1)[None]
        assert fed.dtype == np.uint8
        boxes = model({"image": fed})[name]
        boxes = boxes[np.any(boxes != 0, axis=1)]
        scale = [image.shape[1] / width, image.shape[0] / height] * 2
        return Detections(boxes[:, :4] * scale, boxes[:, 4])

    agrees(client)


@pytest.fixture(scope="module")
def takes_nhwc(exported_as: Exports) -> Any:
    """The file with one output, as products compile it that feed frames uint8 [1, size, size, 3] BGR."""
    steps = ov.preprocess.PrePostProcessor(core().read_model(exported_as(layout="detection-output")["fp32"]))
    steps.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    return core().compile_model(steps.build(), "CPU", F32)


def test_a_reader_like_that_of_frigate(takes_nhwc: Any, agrees: Callable[..., None]) -> None:
    """frigate/detectors/plugins/openvino.py, `ssd`: checks the shapes, takes the first 20 rows."""
    (image_port,), (output,) = takes_nhwc.inputs, takes_nhwc.outputs
    assert image_port.get_shape() == ov.Shape([1, SIZE, SIZE, 3])
    assert (output.shape[0], output.shape[1], output.shape[3]) == (1, 1, 7)

    def client(image: np.ndarray) -> Detections:
        request = takes_nhwc.create_infer_request()
        request.infer(ov.Tensor(cv2.resize(image, (SIZE, SIZE))[None]))
        rows = request.get_output_tensor(0).data[0][0][:20]
        assert set(rows[rows[:, 2] > 0][:, 1]) == {0}  # the first line of the label map
        return in_photo(rows[:, [3, 4, 5, 6, 2]] * ([SIZE] * 4 + [1]), image)

    agrees(client, best=20)


def test_a_reader_like_that_of_ffmpeg(takes_nhwc: Any, agrees: Callable[..., None]) -> None:
    """libavfilter/vf_dnn_detect.c, `ssd`: with one output of 7 columns, all rows, whole pixels of the frame."""
    (output,) = takes_nhwc.outputs
    assert output.shape[3] == 7

    def client(image: np.ndarray) -> Detections:
        height, width = image.shape[:2]
        found = []
        for _, _, score, *sides in takes_nhwc(cv2.resize(image, (SIZE, SIZE))[None])[output].reshape(-1, 7):
            if score >= ABOVE / 2:
                x0, y0, x1, y1 = (int(side * length) for side, length in zip(sides, (width, height) * 2, strict=True))
                found.append([x0, y0, x1, y1, score])
        rows = np.array(found, np.float32)
        return Detections(rows[:, :4], rows[:, 4])

    agrees(client)


@pytest.mark.full
@pytest.mark.clients
def test_onnx_runtime_1_16(exported: dict[str, Path], agrees: Callable[..., None], tmp_path: Path) -> None:
    """The oldest that has opset 18 and ONNX's format version 8; its last Python is 3.11."""
    python = environment("onnxruntime_1_16")

    def client(image: np.ndarray) -> Detections:
        np.save(tmp_path / "tensor.npy", to_tensor(image, (SIZE, SIZE)))
        command = [python, "-I", CLIENTS / "run_onnxruntime.py", exported["onnx"], "tensor.npy", "rows.npy"]
        subprocess.run(command, cwd=tmp_path, check=True)
        return in_photo(np.load(tmp_path / "rows.npy"), image)

    agrees(client)


@pytest.mark.full
@pytest.mark.clients
def test_onnx_runtime_for_javascript(exported: dict[str, Path], agrees: Callable[..., None], tmp_path: Path) -> None:
    """The snippet of docs/clients.md in Node, with a lower threshold."""
    (tmp_path / "node_modules").symlink_to(node_modules("onnxruntime_web") / "node_modules")
    (tmp_path / "plain").mkdir()
    shutil.copy(exported["onnx"], tmp_path / "plain")
    page = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
    (snippet,) = re.findall(r"```js\n(.*?)```", page, re.DOTALL)
    assert "> 0.3" in snippet
    (tmp_path / "detect.mjs").write_text(snippet.replace("> 0.3", f"> {ABOVE / 2}"))

    def client(image: np.ndarray) -> Detections:
        cv2.imwrite(str(tmp_path / "photo.png"), image)
        done = subprocess.run(["node", "detect.mjs"], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        rows = np.array(json.loads(done.stdout), np.float32)
        return Detections(rows[:, :4], rows[:, 4])

    agrees(client)


def test_supervision(exported_as: Exports, agrees: Callable[..., None]) -> None:
    model: Any = core().compile_model(exported_as(input="u8")["fp32"], "CPU", F32)

    def client(image: np.ndarray) -> Detections:
        result = model(image[None])
        rows = result["boxes"]
        found = supervision.Detections(xyxy=rows[:, :4], confidence=rows[:, 4], class_id=result["labels"].astype(int))
        found = found[found.confidence > ABOVE / 2]
        assert supervision.BoxAnnotator().annotate(image.copy(), found).shape == image.shape
        return Detections(found.xyxy, found.confidence)

    agrees(client)


def test_pycocotools_measures_the_ap_of_facedet_evaluate(
    exported: dict[str, Path], drawn: Path, tmp_path: Path
) -> None:
    images = sorted((drawn / "images").glob("val-*"))
    detect_images(exported["fp32"], images, tmp_path, threshold=0, ids=drawn / "val.json")
    truth = COCO(str(drawn / "val.json"))
    run = COCOeval(truth, truth.loadRes(str(tmp_path / "detections.json")), "bbox")
    run.evaluate()
    run.accumulate()
    run.summarize()
    expected = evaluate(exported["fp32"], drawn / "val.json").metrics["coco"]
    assert expected["AP50"] > 0.1
    assert (run.stats[0], run.stats[1]) == pytest.approx((expected["AP"], expected["AP50"]), abs=1e-3)


def test_images_without_an_id_are_refused(exported: dict[str, Path], drawn: Path, tmp_path: Path) -> None:
    images = sorted((drawn / "images").glob("train-*"))
    with pytest.raises(UserError, match=r"val\.json: does not list train-000\.png; give the images of this file only"):
        detect_images(exported["fp32"], images, tmp_path / "out", ids=drawn / "val.json")
    (tmp_path / "bare.json").write_text(json.dumps({"images": [{}], "annotations": []}))
    with pytest.raises(UserError, match=r"bare\.json: not a COCO JSON"):
        detect_images(exported["fp32"], images, tmp_path / "out", ids=tmp_path / "bare.json")
