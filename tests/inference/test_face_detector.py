"""A model called with an image gives the boxes of `facedet detect`, from an array or a file, at any size."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

import facedet
from facedet.data.image import find_images, read_image, to_tensor
from facedet.inference.detect import detect_images
from facedet.inference.session import open_session


@pytest.mark.parametrize("format", ["onnx", "fp32"])
def test_an_image_gives_what_detect_gives(
    format: str, exported: dict[str, Path], unseen_images: Path, tmp_path: Path
) -> None:
    detector = facedet.open(str(exported[format]))
    expected, _ = detect_images(exported[format], [unseen_images], tmp_path / "found", threshold=0.1)
    assert sum(len(image.detections.scores) for image in expected) > 3
    for image in expected:
        for source in (read_image(image.path), image.path, str(image.path)):
            detections = detector(source, threshold=0.1)
            np.testing.assert_array_equal(detections.boxes, image.detections.boxes)
            np.testing.assert_array_equal(detections.scores, image.detections.scores)


def test_boxes_are_in_pixels_of_the_image(exported: dict[str, Path], unseen_images: Path) -> None:
    detector = facedet.open(exported["fp32"])
    image = cv2.resize(read_image(find_images(unseen_images)[0]), detector.input_size)
    wide = np.repeat(image, 2, axis=1)  # resized to the input, it is the same image again
    boxes, wide_boxes = detector(image, threshold=0.05).boxes, detector(wide, threshold=0.05).boxes
    assert len(boxes) > 0
    np.testing.assert_allclose(wide_boxes, boxes * [2, 1, 2, 1], rtol=1e-5)


@pytest.mark.parametrize("format", ["checkpoint", "onnx", "fp32"])
def test_eight_threads_share_a_model(
    format: str, trained: Path, exported: dict[str, Path], unseen_images: Path
) -> None:
    session = open_session(trained / "best.pth" if format == "checkpoint" else exported[format])
    inputs = [to_tensor(read_image(path), session.size) for path in find_images(unseen_images)[:4]]
    expected = [(session.run(image), session.dense(image)) for image in inputs]
    fresh = open_session(session.path)  # whose lazy parts are built by the threads

    def differs(k: int) -> bool:
        rows, dense = expected[k % len(inputs)]
        same = zip(
            [rows, *dense], [fresh.run(inputs[k % len(inputs)]), *fresh.dense(inputs[k % len(inputs)])], strict=True
        )
        return not all(np.allclose(a, b, rtol=0, atol=1e-3) for a, b in same)

    with ThreadPoolExecutor(8) as pool:
        assert not any(pool.map(differs, range(16)))


def test_the_threshold_is_the_callers(exported: dict[str, Path], unseen_images: Path) -> None:
    detector, image = facedet.open(exported["fp32"]), find_images(unseen_images)[0]
    assert detector.operating_point is not None
    assert detector.threshold == detector.operating_point.threshold > 0.05
    assert (detector(image).scores > detector.threshold).all()
    assert len(detector(image, threshold=0.05).scores) > len(detector(image).scores)


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4, 3), np.float32), np.zeros((4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8)]
)
def test_an_array_that_is_not_a_bgr_image_is_refused(image: np.ndarray, exported: dict[str, Path]) -> None:
    with pytest.raises(facedet.UserError, match=r"^image: \w+ \[.*\] is not uint8 \[height, width, 3\] in BGR order"):
        facedet.open(exported["fp32"])(image)


def test_an_unknown_precision_is_refused(exported: dict[str, Path]) -> None:
    with pytest.raises(facedet.UserError, match="--precision fp16: give f32, bf16 or default"):
        facedet.open(exported["fp32"], "fp16")
