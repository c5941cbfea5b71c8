"""Paths on the command line: each is declared, and what is the user's stays the user's."""

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from helpers.click_tree import commands
from helpers.datasets import clean_dataset
from PIL import Image

from facedet.cli import main
from facedet.commands.paths import Input, OutputFile, Verb
from facedet.commands.train import BatchSize
from facedet.common.manifest import MANIFEST
from facedet.data.structures import NO_DETECTIONS
from facedet.evaluation.predictions import save_predictions

WORDS = {  # parameters of type text: none of them holds a path
    *("amp", "classes", "device", "format", "formats", "input", "launcher", "layout", "loggers", "metrics", "mirror"),
    *("name", "precisions", "recipe", "size"),
}
NO_PATHS = (BatchSize, click.Choice, click.types.BoolParamType, click.types.FloatParamType, click.types.IntParamType)


@pytest.mark.parametrize(("words", "command"), commands(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_path_is_declared_and_every_output_can_be_overwritten(
    words: tuple[str, ...], command: click.Command
) -> None:
    assert isinstance(command, Verb)
    for each in command.params:
        is_declared = isinstance(each.type, (Input, OutputFile, *NO_PATHS)) or each.name in WORDS
        assert is_declared, f"{words}: declare whether {each.name} is read or written (commands/paths.py)"
    replaces = [each for each in command.params if isinstance(each.type, OutputFile) and not each.type.alone]
    assert ("--overwrite" in command.get_help(click.Context(command))) == bool(replaces)


def run(*words: object) -> Result:
    done = CliRunner().invoke(main, list(map(str, words)))
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the user's things, in which the commands run."""
    monkeypatch.chdir(tmp_path)
    for folder in ("d", "links", "real", "out", "work"):
        (tmp_path / folder).mkdir()
    Image.new("RGB", (20, 20)).save(tmp_path / "holiday.jpg")
    Image.new("RGB", (20, 20)).save(tmp_path / "real" / "holiday.png")
    (tmp_path / "links" / "holiday.png").symlink_to(tmp_path / "real" / "holiday.png")
    reports = ("evaluation.json", "parity.json", "check.json", "quantization.json", "comparison.json")
    in_d = ("c.json", "detections.json", "detector-int8.xml", "detector-int8.bin", *reports)
    models = ("m.xml", "m.bin", "m.onnx", "m.pth", "best.pth", "work/best.pth")
    for name in (*(f"d/{name}" for name in in_d), *models, "c.json", "l.txt", "out/holiday.png"):
        (tmp_path / name).write_text("mine")
    return tmp_path


@pytest.mark.parametrize(
    "line",
    [
        "data check c.json --train-list l.txt --json l.txt",
        "data check d/check.json --report d",
        "data check c.json --report d",
        "data check c.json --val d/c.json --report d",
        "data check c.json --report d --json d/check.json",
        "data split c.json --val 0.5 -o d/evaluation.json",
        "data convert c.json --to coco -o d",
        "evaluate m.xml d/evaluation.json --report d",
        "evaluate m.xml c.json --report d",
        "evaluate m.xml c.json --json m.bin",
        "evaluate m.xml c.json --json m.bin --overwrite",
        "evaluate m.xml c.json --save-predictions d",
        "evaluate --predictions d/detections.json c.json --json d/detections.json --overwrite",
        "compare m.xml m.onnx c.json --report d",
        "benchmark m.xml --json m.bin",
        "benchmark m.onnx m.xml --json m.bin --overwrite",
        "parity m.onnx m.xml --images holiday.jpg --report d",
        "card m.xml -o m.bin --overwrite",
        "card m.xml --evaluation d/evaluation.json -o d/evaluation.json --overwrite",
        "detect m.xml holiday.jpg -o d --ids d/detections.json",
        "detect m.xml holiday.jpg -o d --ids d/detections.json --overwrite",
        "detect m.xml links -o real",
        "detect m.xml links -o real --overwrite",
        "detect m.xml holiday.jpg -o out",
        "quantize d/detector-int8.xml --calibrate real -o d",
        "quantize d/detector-int8.xml --calibrate real -o d --overwrite",
        "quantize m.xml --calibrate real -o d",
        "quantize m.xml --calibrate real -o new --report d",
        "import m.onnx -o best.pth",
        "import m.pth -o m.pth --overwrite",
        "train tiny --train c.json --val d/c.json --work-dir work",
        "train tiny --train c.json --val d/c.json --work-dir work --resume",
        "train tiny --train c.json --val d/c.json --work-dir l.txt",
        "train tiny --train c.json --val d/c.json --work-dir new --cache l.txt",
        "demo -o d",
        "fetch ir-fp32 -o l.txt",
    ],
)
def test_what_is_the_users_stays_the_users(line: str, mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for _, command in commands():
        monkeypatch.setattr(command, "callback", lambda **_: pytest.fail("the work has begun"))
    before = files(mine)
    done = run(*line.split())
    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("facedet: ")
    assert files(mine) == before


def test_a_verb_replaces_what_it_wrote_and_with_overwrite_all_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = ["data", "check", clean_dataset(tmp_path / "set").save().path, "--report", "report", "--json", "report.json"]
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert run(*line).exit_code == 0
    written = json.loads(Path("report.json").read_text())
    Path("report.json").write_text("mine")
    assert "report.json: exists, and `facedet data check` did not write it" in run(*line).stderr
    assert Path("report.json").read_text() == "mine"
    assert run(*line, "--overwrite").exit_code == 0
    again = json.loads(Path("report.json").read_text())
    assert {**again, "about": None} == {**written, "about": None}  # which states the date and the command


@pytest.mark.full
def test_what_is_written_is_what_is_declared(
    exported: dict[str, Path], trained: Path, drawn: Path, two_images: Path, mine: Path
) -> None:
    """Every file that is there has its line in the manifest."""
    ir, onnx, val = exported["fp32"], exported["onnx"], drawn / "val.json"
    for number, line in enumerate(
        [
            ["data", "check", val, "--report", "{}", "--json", "{}.json"],
            ["data", "split", val, "--val", "0.5", "-o", "{}"],
            ["export", trained / "best.pth", "-o", "{}", "--formats", "fp32", "--no-nms"],
            ["parity", onnx, ir, "--images", two_images, "--report", "{}"],
            ["evaluate", ir, val, "--report", "{}"],
            ["compare", ir, onnx, val, "--report", "{}"],
            ["detect", ir, two_images, "holiday.jpg", "-o", "{}"],
        ]
    ):
        folder = Path(f"written-{number}")
        for _ in range(2):
            done = run(*(str(word).format(folder) for word in line))
            assert done.exit_code in (0, 1), done.output
        noted = {json.loads(each)["file"] for each in (folder / MANIFEST).read_text().splitlines()}
        assert {path.name for path in folder.iterdir()} == {*noted, MANIFEST}
    noted = {json.loads(each)["file"] for each in (trained / MANIFEST).read_text().splitlines()}
    there = {path.name for path in trained.iterdir() if path.is_file()}
    assert there == {*noted, MANIFEST, ".lock", "last.pth", "previous.pth"}


def test_predictions_stay_in_their_folder(tmp_path: Path) -> None:
    names = ["../photo", "/0--Parade/../../a", "b"]
    save_predictions(names, [NO_DETECTIONS] * 3, tmp_path / "deep" / "out")
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.txt")}
    assert written == {"deep/out/photo.txt", "deep/out/0--Parade/a.txt", "deep/out/b.txt"}
