"""Detection in image files: the same from every format, drawn images and detections.json."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facedet.common.errors import UserError
from facedet.data.image import read_image
from facedet.inference.detect import detect_image, detect_images
from facedet.inference.session import open_session


def test_detections_are_the_same_in_every_format(exported: dict[str, Path], trained: Path, unseen_images: Path) -> None:
    image = read_image(sorted(unseen_images.iterdir())[0])
    found = [detect_image(open_session(p), image) for p in (trained / "best.pth", exported["onnx"], exported["fp32"])]
    assert len(found[0].scores) > 0
    for other in found[1:]:
        np.testing.assert_allclose(other.scores[:20], found[0].scores[:20], atol=1e-4)
    assert (found[0].boxes <= [image.shape[1], image.shape[0]] * 2).all()


def test_detect_writes_images_and_json(exported: dict[str, Path], unseen_images: Path, tmp_path: Path) -> None:
    found, left_out = detect_images(exported["fp32"], [unseen_images], tmp_path / "out", threshold=0.1)
    assert left_out == []
    rows = json.loads((tmp_path / "out" / "detections.json").read_text())
    assert len(rows) == sum(len(image.detections.scores) for image in found) > 0
    assert all(set(row) == {"file_name", "bbox", "score", "category_id"} and row["score"] > 0.1 for row in rows)
    first = next(image for image in found if len(image.detections.scores))
    x1, y1, x2, y2 = first.detections.boxes[0].tolist()
    row = next(row for row in rows if row["file_name"] == first.path.name)
    assert row["bbox"] == pytest.approx([x1, y1, x2 - x1, y2 - y1], abs=2e-3)
    for path in unseen_images.iterdir():
        drawn = read_image(tmp_path / "out" / f"{path.stem}.png")
        assert drawn.shape == read_image(path).shape


def test_boxes_refer_to_the_image_with_exif_orientation_applied(
    exported: dict[str, Path], unseen_images: Path, tmp_path: Path
) -> None:
    source = sorted(unseen_images.iterdir())[0]
    exif = Image.Exif()
    exif[0x0112] = 8  # displayed rotated by 90 degrees counter-clockwise
    with Image.open(source) as image:
        image.transpose(Image.Transpose.ROTATE_270).save(tmp_path / "rotated.png", exif=exif)
    session = open_session(exported["fp32"])
    original, rotated = (detect_image(session, read_image(p)) for p in (source, tmp_path / "rotated.png"))
    np.testing.assert_allclose(rotated.boxes, original.boxes, atol=1e-3)


def test_detect_never_writes_into_the_folder_of_its_input_images(
    exported: dict[str, Path], unseen_images: Path, tmp_path: Path
) -> None:
    shutil.copytree(unseen_images, tmp_path / "mine")
    with pytest.raises(UserError, match="contains the input images"):
        detect_images(exported["onnx"], [tmp_path / "mine"], tmp_path / "mine")
    damaged = sorted((tmp_path / "mine").iterdir())[0]
    damaged.write_bytes(b"not an image")
    found, left_out = detect_images(exported["onnx"], [tmp_path / "mine"], tmp_path / "out")
    assert len(found) == 5
    assert damaged.name in left_out[0]
    with pytest.raises(UserError, match=r"held-out-\d+\.png: 2 images have this name"):
        detect_images(exported["onnx"], [unseen_images, tmp_path / "mine"], tmp_path / "out")
