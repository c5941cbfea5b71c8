"""The full ResNet-152 detector: import, parity with the reference, training steps."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
import torch

from facedet.common.files import sha256
from facedet.configs import FOLDER
from facedet.data.dataset import DatasetSource
from facedet.export.export import export_model
from facedet.inference.info import describe
from facedet.inference.session import open_session
from facedet.parity.check import check_parity
from facedet.train import finetune
from facedet.weights.checkpoint import read_checkpoint
from facedet.weights.importing import import_weights
from facedet.weights.ir.graph import core
from facedet.weights.origin import Origin

pytestmark = pytest.mark.full
PUBLISHED = os.environ.get("FACEDET_REFERENCE_IR")


@pytest.fixture(scope="module")
def reference_ir(request: pytest.FixtureRequest) -> Path:
    """The published IR if FACEDET_REFERENCE_IR is its path, otherwise its stand-in."""
    return Path(PUBLISHED) if PUBLISHED else request.getfixturevalue("standin") / "face-detection-0206.xml"


@pytest.fixture(scope="module")
def from_snapshot(standin: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stand-in's snapshot, imported."""
    path = tmp_path_factory.mktemp("snapshot") / "snapshot.pth"
    origin = import_weights(standin / "snapshot.pth", path)
    assert origin == Origin("snapshot", {"snapshot.pth": sha256(standin / "snapshot.pth")}, "face_detection_0206")
    return path


@pytest.fixture(scope="module")
def from_ir(reference_ir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reference IR, imported."""
    path = tmp_path_factory.mktemp("ir") / "ir.pth"
    origin = import_weights(reference_ir, path)
    assert (origin.form, origin.frozen_norms) == ("f32 IR", 155)
    return path


@pytest.fixture(scope="module")
def photos(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two real photos of the validation list."""
    folder = tmp_path_factory.mktemp("photos")
    for name in (faces / "val.txt").read_text().split()[:2]:
        shutil.copy(next((faces / "images").glob(f"{name}.*")), folder)
    return folder


def assert_golden(model: Path, reference: Path, kind: str, px: float, score: float) -> None:
    """The model gives the detections that the original code or its IR gave with these weights."""
    golden, session = np.load(reference / "standin" / "golden.npz"), open_session(model)
    for i, image in enumerate(golden["images"]):
        rows = session.run(image.transpose(2, 0, 1)[None].astype(np.float32))
        expected = golden[f"{kind}_{i}"]
        assert (rows[:, 4] > 0).sum() == len(expected) > 100
        rows, expected = rows[: len(expected)], expected.copy()
        for row in rows:  # rows with nearly equal scores may be in another order
            nearest = np.abs(expected[:, :4] - row[:4]).max(axis=1).argmin()
            np.testing.assert_allclose(row[:4], expected[nearest, :4], rtol=0, atol=px)
            np.testing.assert_allclose(row[4], expected[nearest, 4], rtol=0, atol=score)
            expected[nearest] = np.inf


def test_an_imported_snapshot_gives_the_detections_of_the_original_code(from_snapshot: Path, reference: Path) -> None:
    assert_golden(from_snapshot, reference, "original", 1e-3, 1e-5)


def test_an_imported_ir_gives_the_detections_of_the_ir(from_ir: Path, reference: Path) -> None:
    if PUBLISHED:
        pytest.skip("detections are known only for the stand-in, and FACEDET_REFERENCE_IR is set")
    assert_golden(from_ir, reference, "ir", 5e-3, 3e-5)


def test_an_fp16_ir_of_an_older_version_can_be_imported(reference_ir: Path, from_ir: Path, tmp_path: Path) -> None:
    model = core().read_model(reference_ir)
    ov.save_model(model, tmp_path / "fp16.xml", compress_to_fp16=True)
    text = (tmp_path / "fp16.xml").read_text()
    (tmp_path / "fp16.xml").write_text(text.replace('version="11"', 'version="10"', 1))  # the IR version before 2022
    origin = import_weights(tmp_path / "fp16.xml", tmp_path / "fp16.pth")
    assert origin.form == "f16 IR"
    (_, full), (_, half) = read_checkpoint(from_ir), read_checkpoint(tmp_path / "fp16.pth")
    for name, tensor in full.items():
        torch.testing.assert_close(half[name], tensor, rtol=2e-3, atol=2e-3 * float(tensor.abs().max()))


def test_an_imported_checkpoint_and_its_exports_agree_with_the_reference(
    from_ir: Path, from_snapshot: Path, reference_ir: Path, photos: Path, tmp_path: Path
) -> None:
    files = export_model(from_ir, tmp_path / "folded", ["onnx", "fp32"])
    snapshot = [] if PUBLISHED else [from_snapshot]  # the stand-in's snapshot and IR have the same weights
    parity = check_parity([from_ir, files["onnx"], files["fp32"], *snapshot], photos, reference=reference_ir)
    assert parity.size == (640, 640)
    for pair in parity.pairs:
        assert pair.agree, pair.reasons
        assert pair.difference.matched > 100
        assert [level.anchors for level in pair.levels] == [25600, 6400, 1600, 400, 100]
        assert max(level.max_px for level in pair.levels) < 2e-2
        assert max(level.max_score for level in pair.levels) < 5e-5
    info = describe(files["fp32"])
    assert info.gflops == pytest.approx(296.665, abs=1e-3)
    assert info.interface[0].endswith("[1,3,640,640] f32")


def test_the_full_network_trains_and_its_loss_decreases(faces: Path, tmp_path: Path) -> None:
    full = FOLDER / "face_detection_0206.py"
    same_views = "train_dataloader = dict(dataset=dict(repeat=8, augment=None))"  # each step sees the same two images
    (tmp_path / "small.py").write_text(f"_base_ = {str(full)!r}\ninput_size = 192\n{same_views}\n")
    train, val = tmp_path / "train.txt", tmp_path / "val.txt"
    train.write_text("\n".join((faces / "train.txt").read_text().split()[:2]))
    val.write_text("\n".join((faces / "val.txt").read_text().split()[:2]))
    datasets = DatasetSource(faces, names=train), DatasetSource(faces, names=val)
    options = {"weights": "random", "epochs": 1, "batch_size": 2}
    summary = finetune(tmp_path / "small.py", *datasets, work_dir=tmp_path / "run", **options)
    assert summary.last_loss < 0.95 * summary.first_loss
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["train_images"] == 2
    assert (tmp_path / "run" / "last.pth").is_file()
