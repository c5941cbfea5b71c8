"""The released ResNet-152 detector, whole: training steps, export, parity on real photographs."""

import json
import shutil
from pathlib import Path

import pytest

from data.faceset import Source
from detector.config import load_config, network_facts
from detector.model import build_detector
from export.info import describe
from export.parity import check_parity
from export.ship import export
from train import finetune
from weights.checkpoint import FACTS, fill, read_file, write_file
from weights.snapshot import rename

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def full(standin: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of the full model with the stand-in snapshot's weights."""
    config = load_config("face_detection_0206")
    model = build_detector(config)
    fill(model, rename(read_file(standin / "snapshot.pth")["state_dict"]), "snapshot")
    path = tmp_path_factory.mktemp("full") / "full.pth"
    write_file({"meta": {FACTS: network_facts(config)}, "state_dict": model.state_dict()}, path)
    return path


def test_torch_onnx_and_ir_agree_on_real_photographs(full: Path, faces: Path, tmp_path: Path) -> None:
    files = export(full, tmp_path / "model", ["onnx", "fp32"])
    for name in (faces / "val.txt").read_text().split()[:8]:
        (tmp_path / "photos").mkdir(exist_ok=True)
        shutil.copy(next((faces / "images").glob(f"{name}.*")), tmp_path / "photos")
    parity = check_parity([full, files["onnx"], files["fp32"]], tmp_path / "photos")
    assert parity.size == 640
    for pair in parity.pairs:
        assert pair.agree, pair.reasons
        assert pair.difference.matched > 500
    info = describe(files["fp32"])
    assert round(info.card_million_parameters, 3) == pytest.approx(69.920)
    assert info.gflops == pytest.approx(339.602, rel=1e-5)
    assert info.interface[0].endswith("[1,3,640,640] f32")


def test_the_released_config_takes_training_steps_and_its_loss_falls(faces: Path, tmp_path: Path) -> None:
    train, val = tmp_path / "train.txt", tmp_path / "val.txt"
    train.write_text("\n".join((faces / "train.txt").read_text().split()[:8]))
    val.write_text("\n".join((faces / "val.txt").read_text().split()[:2]))
    sets = Source(faces, names=train), Source(faces, names=val)
    options = {"weights": "random", "epochs": 1, "batch_size": 2}
    summary = finetune("face_detection_0206", *sets, work_dir=tmp_path / "run", **options)
    assert summary.last_loss < 0.95 * summary.first_loss
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["train_images"] == 8
    assert (tmp_path / "run" / "last.pth").is_file()
