"""The light install: exported models need no torch, and what does need it says so in one line."""

import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import pytest

ROOT = Path(__file__).parent.parent
HELPERS = Path(__file__).parent / "helpers"
Verbs = dict[str, list[object]]
Results = dict[str, dict]


def light_verbs(exported: dict[str, Path], drawn: Path, unseen_images: Path, out: Path) -> Verbs:
    """Every verb that needs no torch, on an IR and an ONNX file."""
    ir, onnx, val = exported["fp32"], exported["onnx"], drawn / "val.json"
    image = min(unseen_images.iterdir())
    return {
        "data check": ["data", "check", val, "--report", out / "checked"],
        "data split": ["data", "split", val, "--val", "0.5", "-o", out / "split"],
        "data convert": ["data", "convert", val, "--to", "coco", "-o", out / "converted"],
        "data merge": ["data", "merge", val, drawn / "train.json", "-o", out / "merged"],
        "fetch": ["fetch", "unpublished"],
        "info IR": ["info", ir],
        "info ONNX": ["info", onnx],
        "detect IR": ["detect", ir, image, "-o", out / "ir", "--threshold", "0.1"],
        "detect ONNX": ["detect", onnx, image, "-o", out / "onnx", "--threshold", "0.1"],
        "evaluate": ["evaluate", ir, val, "--report", out / "evaluated"],
        "compare": ["compare", ir, onnx, val, "--report", out / "compared"],
        "reproduce": ["reproduce", "--wider", drawn, "--ir", ir],
        "parity": ["parity", onnx, "--reference", ir, "--images", image, "--report", out / "parity"],
        "benchmark": ["benchmark", ir, "--rounds", "1"],
        "card": ["card", ir, "-o", out / "card.md"],
    }


def heavy_verbs(trained: Path, exported: dict[str, Path], drawn: Path, out: Path) -> Verbs:
    """Every verb that needs the extra `train`, and light ones with a checkpoint or a config."""
    ir, val, best = exported["fp32"], drawn / "val.json", trained / "best.pth"
    return {
        "train": ["train", "tiny", "--train", val, "--val", val, "--work-dir", out],
        "export": ["export", best, "-o", out],
        "import": ["import", ir, "-o", out / "imported.pth"],
        "quantize": ["quantize", ir, "--calibrate", drawn / "images", "-o", out],
        "demo": ["demo", "-o", out],
        str(best): ["detect", best, drawn / "images", "-o", out],
        "tiny": ["info", "tiny"],
    }


EXPECTED = {"fetch": (2, "not a published file"), "reproduce": (2, "contains no wider_easy_val.mat")}


def run_verbs(python: Path, verbs: Verbs, folder: Path, **environment: str) -> Results:
    """Run the command lines one after the other in one process of `python`."""
    lines = json.dumps([[str(word) for word in line] for line in verbs.values()])
    command = [python, "-P", HELPERS / "run_verbs.py", folder / "results.json"]
    whole = {**os.environ, "PYTHONPATH": "", **environment}
    subprocess.run(command, input=lines, text=True, check=True, cwd=folder, env=whole)
    return dict(zip(verbs, json.loads((folder / "results.json").read_text()), strict=True))


@pytest.fixture(scope="module")
def light_environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment into which a zip archive of the checkout is installed, without extras.

    What it depends on is kept in .venv-light until pyproject.toml or constraints.txt changes.
    """
    archive, constraints = zip_checkout(tmp_path_factory.mktemp("zip") / "checkout.zip"), ROOT / "constraints.txt"
    asked = b"".join(path.read_bytes() for path in (ROOT / "pyproject.toml", constraints))
    kept = ROOT / ".venv-light"
    environment = kept / hashlib.sha256(asked + sys.version.encode()).hexdigest()[:12]
    if not (environment / "complete").is_file():
        shutil.rmtree(kept, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = environment / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "-c", constraints, archive], check=True)
    (environment / "complete").touch()
    return python


def zip_checkout(path: Path) -> Path:
    """A zip archive as a hosting service makes it: all files in one folder, links as links."""
    listed = subprocess.run(
        ["git", "ls-files", "-zco", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    )
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name in listed.stdout.decode().split("\0"):
            if (ROOT / name).is_symlink():
                link = ZipInfo(f"checkout/{name}")
                link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
                archive.writestr(link, os.readlink(ROOT / name))
            elif (ROOT / name).is_file():
                archive.write(ROOT / name, f"checkout/{name}")
    return path


@pytest.fixture(scope="module", params=["hidden", pytest.param("not installed", marks=pytest.mark.full)])
def run_without_torch(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Verbs], Results]:
    """Runs verbs where torch is hidden, and where it is not installed: in `light_environment`."""
    folder = tmp_path_factory.mktemp("without-torch")
    if request.param == "hidden":
        hide = str(HELPERS / "without_torch")
        return lambda verbs: run_verbs(Path(sys.executable), verbs, folder, PYTHONPATH=hide)
    python = request.getfixturevalue("light_environment")
    return lambda verbs: run_verbs(python, verbs, folder)


def check_exit(results: Results) -> None:
    """Every verb did its work, and nothing heavy was imported for it."""
    for verb, result in results.items():
        exit_code, text = EXPECTED.get(verb, (0, ""))
        assert (result["exit_code"], text in result["output"]) == (exit_code, True), f"{verb}: {result['output']}"
        assert result["heavy"] == [], verb


def test_exported_models_are_used_without_torch(
    run_without_torch: Callable[[Verbs], Results],
    exported: dict[str, Path],
    drawn: Path,
    unseen_images: Path,
    tmp_path: Path,
) -> None:
    check_exit(run_without_torch(light_verbs(exported, drawn, unseen_images, tmp_path)))
    for kind in ("ir", "onnx"):
        assert json.loads((tmp_path / kind / "detections.json").read_text())
    for page in ("checked/check", "evaluated/evaluation", "compared/comparison", "parity/parity"):
        assert (tmp_path / f"{page}.html").is_file()
    assert json.loads((tmp_path / "evaluated" / "evaluation.json").read_text())["coco"]["AP"] > 0


def test_torch_is_not_imported_for_exported_models_where_it_is_installed(
    exported: dict[str, Path], drawn: Path, unseen_images: Path, tmp_path: Path
) -> None:
    verbs = light_verbs(exported, drawn, unseen_images, tmp_path)
    del verbs["compare"], verbs["benchmark"]  # like evaluate; in processes of its own
    check_exit(run_verbs(Path(sys.executable), verbs, tmp_path))


def test_a_detection_with_an_ir_imports_what_it_needs(
    exported: dict[str, Path], unseen_images: Path, tmp_path: Path
) -> None:
    line = ["detect", str(exported["fp32"]), str(min(unseen_images.iterdir())), "-o", str(tmp_path / "found")]
    code = f"import sys; from facedet.cli import main; main({line}, standalone_mode=False); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    not_needed = {"torch", "mmdet", "mmengine", "scipy", "matplotlib", "onnx", "onnxruntime", "pycocotools", "requests"}
    assert not (not_needed | {"jinja2", "nncf", "yaml"}) & set(done.stdout.split("'"))
    assert (tmp_path / "found" / "detections.json").is_file()


def test_what_needs_torch_says_how_to_install_it(
    run_without_torch: Callable[[Verbs], Results], trained: Path, exported: dict[str, Path], drawn: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for needs, result in run_without_torch(heavy_verbs(trained, exported, drawn, out)).items():
        assert result["exit_code"] == 2, result["output"]
        assert result["output"] == (
            f"facedet: {needs}: needs PyTorch, mmdet, albumentations, onnxscript, NNCF; "
            "install them from the checkout: pip install -c constraints.txt '.[train]'\n"
        )
    assert not out.exists()


def test_help_of_training_needs_no_torch(run_without_torch: Callable[[Verbs], Results]) -> None:
    result = run_without_torch({"train": ["train", "--help"]})["train"]
    assert result["exit_code"] == 0
    assert "Fine-tune CONFIG" in result["output"]


HIDDEN = {**os.environ, "PYTHONPATH": str(HELPERS / "without_torch")}


def test_python_says_how_to_install_torch() -> None:
    code = "import facedet\ntry: facedet.finetune\nexcept facedet.UserError as error: print(error)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=HIDDEN)
    assert done.stdout.startswith("facedet.finetune: needs PyTorch, mmdet, ")


def test_a_broken_torch_is_not_reported_as_a_missing_one(tmp_path: Path) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise ImportError('libtorch_cpu.so: cannot open shared object')")
    command = [sys.executable, "-m", "facedet", "info", "tiny"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "ImportError: libtorch_cpu.so: cannot open shared object" in done.stderr


@pytest.mark.full
def test_an_archive_installs_one_package_and_no_torch(light_environment: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from importlib.util import find_spec; import facedet; print(facedet.__file__)\n"
        "print([name for name in sys.argv[1:] if find_spec(name)])"
    )
    absent = ["torch", "torchvision", "mmdet", "mmcv", "mmengine", "nncf", "albumentations", "tensorboard"]
    absent += ["onnxscript", "configs", "data", "export", "train"]
    done = subprocess.run(
        [light_environment, "-I", "-c", code, *absent], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    place, found = done.stdout.splitlines()
    assert Path(place).is_relative_to(light_environment.parent.parent)
    assert found == "[]"
    done = subprocess.run([light_environment.with_name("facedet"), "--version"], capture_output=True, check=True)
    assert done.stdout.startswith(b"facedet")
