"""The command line: what users can cause ends in one clear line and exit code 2, with nothing half-written."""

import errno
import json
import shutil
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result

from facedet.cli import main
from facedet.common.errors import UserError
from facedet.data.formats.table import NAMES
from facedet.inference.info import describe


def facedet(*args: object) -> Result:
    result = CliRunner().invoke(main, [str(arg) for arg in args])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception  # what would be a traceback
    return result


def assert_one_line(done: Result, *wanted: str) -> None:
    lines = [line for line in done.stderr.replace("\r", "\n").splitlines() if line.strip()]
    assert done.exit_code == 2, done.output
    assert lines[-1].startswith("facedet: ")
    assert all(text in lines[-1] for text in wanted), lines[-1]


def test_help_needs_no_heavy_import() -> None:
    code = (
        "import sys; from facedet.cli import main; main(['--help'], standalone_mode=False); print(sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Fine-tune CONFIG" in done.stdout
    assert not {"torch", "mmdet", "mmcv", "openvino", "onnx", "cv2", "numpy"} & set(done.stdout.split("'"))


def test_help_lists_the_formats() -> None:
    for verb in (("data", "convert"), ("data", "check"), ("data", "split"), ("evaluate",), ("compare",), ("quantize",)):
        assert NAMES in " ".join(facedet(*verb, "--help").stdout.split()), verb
    assert "onnx, fp32, fp16" in facedet("export", "--help").stdout


def raising(error: BaseException) -> Result:
    """The result of a command that raises."""

    def fail() -> None:
        raise error

    group = type(main)(commands={"fail": click.Command("fail", callback=fail)})
    return CliRunner().invoke(group, ["fail"])


def test_what_the_user_caused_is_one_line_and_its_traceback_is_shown_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    for error, line in (
        (UserError("x.pth: no such file"), "facedet: x.pth: no such file\n"),
        (PermissionError(errno.EACCES, "Permission denied", "out.json"), "facedet: out.json: Permission denied\n"),
        (OSError(errno.ENOSPC, "No space left on device"), "facedet: output: No space left on device\n"),
    ):
        monkeypatch.delenv("FACEDET_TRACEBACK", raising=False)
        done = raising(error)
        assert (done.exit_code, done.stderr) == (2, line)
        monkeypatch.setenv("FACEDET_TRACEBACK", "1")
        done = raising(error)
        assert (done.exit_code, done.stderr.startswith("Traceback"), done.stderr.endswith(f"\n{line}")) == (
            2,
            True,
            True,
        )
        assert "in fail" in done.stderr


@pytest.mark.parametrize(
    "error", [OSError("a bug"), OSError(errno.EBADF, "Bad file descriptor"), RuntimeError("a bug")]
)
def test_a_bug_is_not_dressed_up(error: Exception) -> None:
    done = raising(error)
    assert done.exception is error
    assert "facedet:" not in done.stderr


@pytest.mark.parametrize("verb", ["train", "export", "detect", "parity", "benchmark", "info", "demo"])
def test_every_verb_explains_itself(verb: str) -> None:
    done = facedet(verb, "--help")
    assert done.exit_code == 0
    assert "Usage:" in done.stdout


def test_info_prints_the_card_beside_the_config() -> None:
    done = facedet("info", "face_detection_0206", "--json")
    content = json.loads(done.stdout)
    assert content["parameters"] == 63788363
    assert round(content["card_million_parameters"], 3) == content["published"]["million_parameters"]
    assert content["gflops"] == pytest.approx(content["published"]["gflops"], rel=0.005)
    text = facedet("info", "face_detection_0206").stdout
    assert "63,788,363" in text
    assert text.count("69.920") == 2


def test_export_detect_and_parity_work_from_the_command_line(
    trained: Path, unseen_images: Path, two_images: Path, tmp_path: Path
) -> None:
    done = facedet("export", trained / "best.pth", "-o", tmp_path / "model", "--formats", "onnx,fp32")
    assert done.exit_code == 0, done.stderr
    made = sorted(p.name for p in (tmp_path / "model").glob("[!.]*"))
    assert made == ["detector-fp32.bin", "detector-fp32.xml", "detector.onnx"]
    origin = describe(tmp_path / "model" / "detector.onnx").origin
    assert (origin["checkpoint"], origin["folded"]) == ("best.pth", "yes")
    ir = tmp_path / "model" / "detector-fp32.xml"
    done = facedet("parity", trained / "best.pth", ir, "--images", two_images, "--report", tmp_path / "report")
    assert done.exit_code == 0, done.stderr
    assert "agrees" in done.stdout
    assert (tmp_path / "report" / "parity.html").is_file()
    done = facedet("detect", ir, *unseen_images.iterdir(), "-o", tmp_path / "out", "--threshold", "0.1")
    assert done.exit_code == 0, done.stderr
    assert "faces in 6 images" in done.stdout


def test_parity_exits_with_1_where_models_differ(
    exported: dict[str, Path], unseen_images: Path, tmp_path: Path
) -> None:
    model = onnx.load(exported["onnx"])
    bias = next(t for t in model.graph.initializer if "atss_cls" in t.name and t.name.endswith("bias"))
    bias.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(bias) + np.float32(0.01), bias.name))
    onnx.save(model, tmp_path / "other.onnx")
    done = facedet("parity", exported["onnx"], tmp_path / "other.onnx", "--images", unseen_images)
    assert done.exit_code == 1
    assert "DIFFERS" in done.stdout
    assert "scores differ by" in done.stdout


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory, exported: dict[str, Path]) -> Path:
    """A folder of things that are not what they say."""
    folder = tmp_path_factory.mktemp("bad")
    (folder / "broken.onnx").write_bytes(b"no onnx")
    (folder / "broken.xml").write_text("<net")
    (folder / "broken.bin").write_bytes(b"")
    (folder / "broken.pth").write_bytes(b"no checkpoint")
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "broken.json").write_text("{")
    shutil.copy(exported["fp32"], folder / "alone.xml")
    model = onnx.load(exported["onnx"])
    for node in model.graph.node:
        node.output[:] = ["faces" if name == "boxes" else name for name in node.output]
    model.graph.output[0].name = "faces"
    onnx.save(model, folder / "renamed.onnx")
    _write_narrow(folder / "narrow.onnx")
    (folder / "empty").mkdir()
    return folder


def _write_narrow(path: Path) -> None:
    """The right names with other shapes, as torchvision's detectors give them: boxes [n, 4]."""
    make, kinds = onnx.helper, onnx.TensorProto
    image = make.make_tensor_value_info("input", kinds.FLOAT, [1, 3, 64, 64])
    boxes = make.make_tensor_value_info("boxes", kinds.FLOAT, [3072, 4])
    labels = make.make_tensor_value_info("labels", kinds.INT64, [4])
    nodes = [make.make_node("Reshape", ["input", "shape"], ["boxes"]), make.make_node("Shape", ["input"], ["labels"])]
    shape = onnx.numpy_helper.from_array(np.array([3072, 4]), "shape")
    graph = make.make_graph(nodes, "narrow", [image], [boxes, labels], [shape])
    onnx.save(make.make_model(graph, opset_imports=[make.make_opsetid("", 18)], ir_version=10), path)


@pytest.mark.parametrize(
    ("model", "wanted"),
    [
        ("gone.onnx", "no such file"),
        ("broken.onnx", "not an ONNX model"),
        ("broken.xml", "cannot be read by OpenVINO"),
        ("broken.pth", "not a checkpoint"),
        ("alone.xml", "its weights are missing; put alone.bin into the same folder"),
        ("renamed.onnx", "does not have the interface of this project"),
        ("narrow.onnx", "does not have the interface of this project"),
        ("broken.jpg", "not a model"),
    ],
)
def test_models_that_are_none(bad: Path, unseen_images: Path, tmp_path: Path, model: str, wanted: str) -> None:
    assert_one_line(facedet("detect", bad / model, unseen_images, "-o", tmp_path / "out"), model, wanted)
    assert not (tmp_path / "out").exists()


def test_pictures_that_are_none(bad: Path, exported: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert_one_line(facedet("detect", exported["fp32"], bad / "broken.jpg", "-o", out), "broken.jpg", "cannot be read")
    assert_one_line(facedet("detect", exported["fp32"], bad / "empty", "-o", out), "contains no images")
    assert_one_line(facedet("detect", exported["fp32"], bad / "gone", "-o", out), "no such file or folder")
    assert not out.exists()


def test_outputs_that_cannot_be_written(
    exported: dict[str, Path], trained: Path, unseen_images: Path, bad: Path
) -> None:
    blocked = bad / "broken.json" / "out"  # a folder inside a file: not even root can make it
    for args in (
        ("detect", exported["fp32"], unseen_images, "-o", blocked),
        ("export", trained / "best.pth", "-o", blocked),
        ("parity", exported["onnx"], exported["fp32"], "--images", unseen_images, "--report", blocked),
        ("demo", "-o", blocked),
    ):
        assert_one_line(facedet(*args), "broken.json")
    assert (bad / "broken.json").read_text() == "{"


def test_a_training_refuses_what_it_cannot_use(bad: Path, drawn: Path, trained: Path, tmp_path: Path) -> None:
    good = ("--train", drawn / "train.json", "--val", drawn / "val.json", "--work-dir", tmp_path / "run")
    assert_one_line(facedet("train", "tinny", *good), "tinny: no such config")
    spoilt = ("--train", bad / "broken.json", *good[2:])
    assert_one_line(facedet("train", "tiny", *spoilt), "broken.json: not a COCO JSON")
    assert_one_line(facedet("train", "tiny", "--train", bad / "empty", *good[2:]), "not a dataset of any known format")
    assert_one_line(facedet("train", "tiny", *good, "--train-list", bad / "gone.txt"), "gone.txt")
    assert_one_line(facedet("train", "tiny", *good, "--weights", bad / "broken.pth"), "broken.pth", "not a checkpoint")
    other = facedet("train", "face_detection_0206", *good, "--weights", trained / "best.pth")
    assert_one_line(other, "best.pth: weights of another architecture")
    assert_one_line(facedet("train", "tiny", *good, "--device", "cuda:99"), "cuda:99")
    assert_one_line(facedet("train", "tiny", *good, "--resume"), "contains no last.pth to resume from")
    assert not list((tmp_path / "run").glob("*.pth"))


def test_an_export_of_a_foreign_checkpoint_leaves_nothing(bad: Path, tmp_path: Path) -> None:
    assert_one_line(facedet("export", bad / "broken.pth", "-o", tmp_path / "out"), "broken.pth")
    assert_one_line(facedet("export", bad / "gone.pth", "-o", tmp_path / "out"), "gone.pth: no such file")
    assert not (tmp_path / "out").exists()


def test_unknown_formats_and_thresholds_are_named(trained: Path, unseen_images: Path, tmp_path: Path) -> None:
    out = ("-o", tmp_path / "out")
    assert_one_line(facedet("export", trained / "best.pth", *out, "--formats", "onnx,int3"), "int3")
    assert_one_line(facedet("detect", trained / "best.pth", unseen_images, *out, "--threshold", "3"), "--threshold 3")
