"""The README's commands do what the README says, in its order, on real photographs."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.graphs import in_both_modes

from facedet.core.data.dataset import DatasetSource, read_dataset
from facedet.core.parity.matching import box_iou
from facedet.core.train.dataset import FaceDataset
from facedet.core.weights.importing import import_weights

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands(section: str) -> list[str]:
    """The command lines of the sh blocks under a heading, continued lines joined."""
    body = README.split(f"\n## {section}\n")[1].split("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", body, flags=re.DOTALL)
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines() if line.strip()]


def run(command: str, folder: Path) -> subprocess.CompletedProcess:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        shlex.split(command, comments=True), cwd=folder, env={**os.environ, "PATH": path},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stderr[-2000:]}"
    return done


def test_make_targets_of_the_readme_exist() -> None:
    for command in commands("Two commands"):
        assert command.split("#")[0].split() in (["make", "demo"], ["make", "test"])
        run(f"make -n {command.split()[1]}", ROOT)


@pytest.mark.slow
def test_from_the_published_ir_to_your_own(faces: Path, standin: Path, tmp_path: Path) -> None:
    (tmp_path / "published").symlink_to(standin)
    few = {"train": (faces / "train.txt").read_text().split()[:2], "val": (faces / "val.txt").read_text().split()[:1]}
    (tmp_path / "faces" / "images").mkdir(parents=True)
    (tmp_path / "faces" / "annotations").symlink_to(faces / "annotations")
    for which, names in few.items():
        (tmp_path / "faces" / f"{which}.txt").write_text("\n".join(names))
        for name in names:
            picture = next((faces / "images").glob(f"{name}.*"))
            (tmp_path / "faces" / "images" / picture.name).symlink_to(picture)
    lines = commands("You have the published IR and your photographs: five commands to your own IR")
    assert [shlex.split(line)[1] for line in lines] == ["import", "parity", "train", "export", "parity"]
    for line in lines:  # a short epoch stands for the config's twenty
        done = run(f"{line} --epochs 1 --batch-size 1" if " train " in line else line, tmp_path)
        if " import " in line:
            assert "batch norms hold statistics of 3 photographs" in done.stdout
    summary = json.loads((tmp_path / "runs" / "mine" / "summary.json").read_text())
    assert summary["started_from"] == "all weights of imported.pth"
    assert summary["last_loss"] < 1.2 * summary["first_loss"]
    assert json.loads((tmp_path / "mine" / "parity" / "parity.json").read_text())["agree"] is True


@pytest.mark.slow
def test_the_demo_leaves_what_it_says(tmp_path: Path) -> None:
    done = run("facedet demo -o demo-out --epochs 4", tmp_path)
    named = [Path(line.split()[0]) for line in done.stdout.split("Look at\n")[1].splitlines()]
    assert len(named) == 4
    assert all((tmp_path / path).stat().st_size > 10_000 for path in named)


@pytest.mark.slow
def test_your_own_photographs(faces: Path, tmp_path: Path) -> None:
    (tmp_path / "faces").symlink_to(faces)
    lines = commands("Your own photographs")
    assert [shlex.split(line)[1] for line in lines] == [
        "data",
        "train",
        "export",
        "parity",
        "evaluate",
        "detect",
        "info",
    ]
    for line in lines:
        run(line, tmp_path)
    models = {"checkpoint": "runs/faces/best.pth", "onnx": "model/detector.onnx", "ir": "model/detector-fp32.xml"}
    for form, model in models.items():
        run(f"facedet evaluate {model} faces --list faces/val.txt --json ap-{form}.json", tmp_path)
    summary = json.loads((tmp_path / "runs" / "faces" / "summary.json").read_text())
    assert (summary["train_images"], summary["val_images"]) == (84, 21)
    assert summary["best"]["AP50"] >= 0.95
    assert summary["best"]["AP"] >= 0.50
    assert json.loads((tmp_path / "parity" / "parity.json").read_text())["agree"] is True
    detections = json.loads((tmp_path / "found" / "detections.json").read_text())
    photos, right = read_dataset(DatasetSource(faces)).photos, 0
    for photo in photos:
        found = [row["bbox"] for row in detections if row["file_name"] == photo.path.name]
        boxes = np.array([[x, y, x + w, y + h] for x, y, w, h in found]).reshape(-1, 4)
        right += int((box_iou(photo.boxes, boxes).max(axis=1, initial=0) >= 0.5).sum())
    assert right >= 0.5 * sum(len(photo.boxes) for photo in photos)
    assert right >= 0.8 * len(detections)
    aps = [json.loads((tmp_path / f"ap-{form}.json").read_text()) for form in ("checkpoint", "onnx", "ir")]
    for each in aps[1:]:
        assert each["coco"]["AP"] == pytest.approx(aps[0]["coco"]["AP"], abs=1e-3)
        assert each["ap64"] == pytest.approx(aps[0]["ap64"], abs=1e-3)
    assert_calibration_keeps_the_loss(tmp_path, faces)


def assert_calibration_keeps_the_loss(folder: Path, faces: Path) -> None:
    """What was trained goes to an IR and back: a step in training mode starts where eval mode is if calibrated."""
    ir, dataset = (
        folder / "model" / "detector-fp32.xml",
        FaceDataset(str(faces), names=str(faces / "train.txt"), input_size=320),
    )
    losses = {}
    for name, photographs in (("naive", None), ("calibrated", faces / "images")):
        import_weights(ir, folder / f"{name}.pth", calibrate_on=photographs)
        losses[name] = in_both_modes(folder / f"{name}.pth", dataset)[2]
    assert losses["calibrated"][0] == pytest.approx(losses["naive"][0], rel=1e-3)
    assert losses["calibrated"][1] == pytest.approx(losses["calibrated"][0], rel=0.05)
    assert losses["naive"][1] > 1.2 * losses["naive"][0]
