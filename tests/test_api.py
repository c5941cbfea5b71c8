"""`import facedet`: few names, light, typed, and not disturbed by folders that a user may have."""

import subprocess
import sys
from pathlib import Path

import pytest

import facedet

LARGE = (
    "torch",
    "torchvision",
    "openvino",
    "onnx",
    "onnxruntime",
    "mmengine",
    "mmdet",
    "mmcv",
    "matplotlib",
    "PIL",
    "cv2",
)
ROOMS = ("common", "data", "detector", "weights", "export", "inference", "evaluation", "parity", "train", "configs")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's folder with a module or a package for each name that a room has."""
    for k, name in enumerate(ROOMS):
        if k % 2:
            (tmp_path / name).mkdir()
        path = tmp_path / name / "__init__.py" if k % 2 else tmp_path / f"{name}.py"
        path.write_text("OWNER = 'user'\n")
    return tmp_path


def run(folder: Path, *arguments: str | Path) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_name_is_there_and_documented() -> None:
    assert set(facedet.__all__) <= set(dir(facedet))
    for name in facedet.__all__:
        assert getattr(facedet, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'detect_all'"):
        facedet.detect_all  # noqa: B018


def test_import_is_light(tmp_path: Path) -> None:
    code = "import sys, facedet; facedet.UserError; print(sorted(sys.modules))"
    assert not {"torch", "mmdet", "openvino", "onnx", "cv2", "numpy"} & set(run(tmp_path, "-c", code).split("'"))


def test_a_users_own_modules_and_ours_live_side_by_side(folder: Path) -> None:
    (folder / "script.py").write_text(
        f"import {', '.join(ROOMS)}\n"
        "import facedet\n"
        "for name in facedet.__all__:\n    getattr(facedet, name)\n"
        f"print([module.OWNER for module in ({', '.join(ROOMS)})])\n"
    )
    assert run(folder, "script.py").strip() == str(["user"] * len(ROOMS))


@pytest.mark.parametrize("start", [["-m", "facedet"], [str(Path(sys.executable).with_name("facedet"))]])
def test_the_command_line_works_from_such_a_folder(start: list[str], folder: Path, drawn: Path) -> None:
    run(folder, *start, "data", "split", drawn / "train.json", "--val", "0.25", "-o", "split")
    assert (folder / "split" / "train.txt").is_file()


def test_a_network_is_built_in_such_a_folder(folder: Path) -> None:
    assert "63,788,363" in run(folder, "-m", "facedet", "info", "face_detection_0206")


def test_a_users_script_is_type_checked(tmp_path: Path) -> None:
    lines = ["import facedet", "found = facedet.open('model.xml')('photo.jpg')", "found.boxes.shape", "found.boxxes"]
    (tmp_path / "script.py").write_text("\n".join(lines))
    (tmp_path / "mypy.ini").write_text(
        f"[mypy]\n[{','.join(f'mypy-{name}.*' for name in LARGE)}]\nfollow_imports = skip\n"
    )
    done = subprocess.run([sys.executable, "-m", "mypy", "script.py"], cwd=tmp_path, capture_output=True, text=True)
    assert 'script.py:4: error: "Detections" has no attribute "boxxes"' in done.stdout
    assert "Found 1 error in 1 file" in done.stdout
