"""Detection in image files: the same from every format, drawn images and detections.json."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facedet.common.errors import UserError
from facedet.data.image import read_image
from facedet.evaluation.predictions import match_predictions, read_predictions
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


def test_detect_never_writes_where_links_to_its_input_images_lead(
    exported: dict[str, Path], unseen_images: Path, tmp_path: Path
) -> None:
    real = shutil.copytree(unseen_images, tmp_path / "real")
    (tmp_path / "links").mkdir()
    for path in real.iterdir():
        (tmp_path / "links" / path.name).symlink_to(path)
    before = {path: path.read_bytes() for path in real.iterdir()}
    with pytest.raises(UserError, match="contains the input images"):
        detect_images(exported["fp32"], [tmp_path / "links"], real)
    assert {path: path.read_bytes() for path in real.iterdir()} == before


def test_images_with_the_same_name_keep_the_folders_by_which_they_differ(
    exported: dict[str, Path], unseen_images: Path, tmp_path: Path
) -> None:
    (first, second), session = sorted(unseen_images.iterdir())[:2], open_session(exported["fp32"])
    for name, image in (("one", first), ("two", second)):
        (tmp_path / name).mkdir()
        shutil.copy(image, tmp_path / name / "a.png")
    shutil.copy(first, tmp_path / "two" / "b.png")
    sources = [tmp_path / "one", tmp_path / "two", tmp_path / "two" / "b.png"]
    found, _ = detect_images(exported["fp32"], sources, tmp_path / "out", threshold=0)
    assert [image.path.relative_to(tmp_path).as_posix() for image in found] == ["one/a.png", "two/a.png", "two/b.png"]
    rows = json.loads((tmp_path / "out" / "detections.json").read_text())
    assert {row["file_name"] for row in rows} == {"one/a.png", "two/a.png", "b.png"}
    assert {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.png")} == {
        "one/a.png",
        "two/a.png",
        "b.png",
    }
    matched, missing = match_predictions(read_predictions(tmp_path / "out"), [i.path for i in found], tmp_path)
    assert missing == 0
    for path, detections in zip((first, second, first), matched, strict=True):
        np.testing.assert_allclose(detections.scores, detect_image(session, read_image(path)).scores, atol=1e-6)
    with pytest.raises(UserError, match="contains the input images"):
        detect_images(exported["fp32"], sources, tmp_path)


def test_ids_are_found_by_the_longest_end_of_the_path(
    exported: dict[str, Path], unseen_images: Path, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        shutil.copy(sorted(unseen_images.iterdir())[0], tmp_path / name / "a.png")
    sources = [tmp_path / "one", tmp_path / "two"]

    def ids(*names: str) -> Path:
        images = [{"id": k, "file_name": name} for k, name in enumerate(names, start=5)]
        (tmp_path / "ids.json").write_text(json.dumps({"images": images, "annotations": []}))
        return tmp_path / "ids.json"

    listed = ids("two/a.png", "C:\\faces\\one\\a.png")
    detect_images(exported["fp32"], sources, tmp_path / "out", threshold=0, ids=listed)
    rows = json.loads((tmp_path / "out" / "detections.json").read_text())
    assert {(row["file_name"], row["image_id"]) for row in rows} == {("one/a.png", 6), ("two/a.png", 5)}
    with pytest.raises(UserError, match=r"a\.png can be .*one.* or .*two"):
        detect_images(exported["fp32"], sources, tmp_path / "out", ids=ids("a.png"))
    with pytest.raises(UserError, match=r"does not list a\.png"):
        detect_images(exported["fp32"], sources, tmp_path / "out", ids=ids("two/a.png", "three/a.png"))
    with pytest.raises(UserError, match=r"can be a\.png or one/a\.png; give more of the path"):
        detect_images(exported["fp32"], sources[:1], tmp_path / "out", ids=ids("a.png", "one/a.png"))
