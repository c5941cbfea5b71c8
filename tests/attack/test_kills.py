"""Five verbs die by SIGKILL while they write, or find the disk full: what is there is whole, and the same command works
again."""

import json
import re
import resource
import shutil
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from helpers.attack import Counts, random_of
from helpers.commands import Command
from helpers.kills import NEVER, die_before
from helpers.once import Once
from PIL import Image

from facedet.common.files import sha256
from facedet.common.unfinished import is_unfinished
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.inference.session import open_session
from facedet.weights.torch_file import read_torch_file, write_torch_file

_KILLS = 40
_PROGRESS = re.compile(r"facedet: .*: [\d,]+ of [\d,]+$")  # each 30 seconds
_VERBS = ("convert", "detect", "train", "export", "quantize")  # a hundredth is one kill of the first


@dataclass(frozen=True)
class Verb:
    """A command line without its output folder, that of an earlier run into the same folder, and what it leaves.

    check: raises an error if something in the folder is not whole; with True, if something is missing.
    """

    arguments: tuple[object, ...]
    earlier: tuple[object, ...]
    check: Callable[[Path, bool], None]
    output: str = "-o"


@pytest.fixture(scope="session")
def other(trained: Path, once: Once) -> Path:
    """The checkpoint of `trained` with other weights."""

    def build(folder: Path) -> Path:
        content = read_torch_file(trained / "best.pth")
        for name, tensor in content["state_dict"].items():
            if name.endswith("weight"):
                content["state_dict"][name] = tensor * 1.01
        write_torch_file(content, folder / "other.pth")
        return folder / "other.pth"

    return once("other", build)


@pytest.fixture
def verbs(
    request: pytest.FixtureRequest,
    drawn: Path,
    trained: Path,
    exported: dict[str, Path],
    two_images: Path,
    narrow: Path,
) -> Callable[[str], Verb]:
    def verb(name: str) -> Verb:
        if name == "convert":
            line = ("data", "convert", drawn / "train.json", "--to", "yolo")
            return Verb(line, (), _check_dataset)
        if name == "detect":
            line = ("detect", exported["fp32"], two_images)
            return Verb((*line, "--threshold", 0), (*line, "--threshold", 1), _check_detections)
        if name == "train":
            line = ("train", narrow, "--train", drawn / "train.json", "--val", drawn / "val.json", "--epochs", 2)
            return Verb((*line, "--workers", 0, "--save-every", 0), (), _check_run, "--work-dir")
        best, other = trained / "best.pth", request.getfixturevalue("other")
        if name == "export":
            return Verb(("export", best), ("export", other), partial(_check_models, ("onnx", "xml", "xml")))
        line = ("--calibrate", two_images)
        return Verb(("quantize", best, *line), ("quantize", other, *line), partial(_check_models, ("xml",)))

    return verb


def _check_dataset(folder: Path, complete: bool) -> None:
    assert folder.is_dir() or not complete
    if folder.is_dir():
        dataset = read_dataset(DatasetSource(folder / "data.yaml"))
        assert (len(dataset.photos), dataset.skipped) == (24, [])
        for photo in dataset.photos:
            Image.open(photo.path).load()


def _check_detections(folder: Path, complete: bool) -> None:
    pictures = list(folder.glob("[!.]*.png"))
    for picture in pictures:
        Image.open(picture).load()
    rows = json.loads((folder / "detections.json").read_text()) if (folder / "detections.json").exists() else None
    assert rows is None or isinstance(rows, list)
    if complete:
        assert len(pictures) == 2
        assert rows


def _check_run(folder: Path, complete: bool) -> None:
    for path in folder.glob("[!.]*.pth"):
        assert read_torch_file(path)["meta"]["epoch"] in (0, 1, 2)
    for path in folder.glob("[!.]*.json"):
        json.loads(path.read_text())
    for path in folder.glob("[!.]*.html"):
        assert path.read_text().rstrip().endswith("</html>")
    if complete:
        assert read_torch_file(folder / "last.pth")["meta"]["epoch"] == 2
        for name in ("best.pth", "summary.json", "scalars.csv", "training.html"):
            assert (folder / name).is_file()


def _check_models(suffixes: tuple[str, ...], folder: Path, complete: bool) -> None:
    models = [path for path in folder.glob("detector*") if path.suffix in (".onnx", ".xml")]
    for path in models:
        open_session(path).run(np.zeros((1, 3, 192, 192), np.float32))
    if complete:
        assert Counter(path.suffix[1:] for path in models) == Counter(suffixes)


def _computed(folder: Path) -> dict[str, np.ndarray]:
    """What the models in a folder compute of an image, by file name."""
    image = np.random.default_rng(0).uniform(0, 255, (1, 3, 192, 192)).astype(np.float32)
    models = [path for path in folder.glob("detector*") if path.suffix in (".onnx", ".xml")]
    return {path.name: np.concatenate([part.ravel() for part in open_session(path).dense(image)]) for path in models}


def _run(verb: Verb, folder: Path, line: tuple[object, ...], first: Callable[[], object] = list) -> tuple[int, str]:
    resume = ["--resume"] if any((folder / name).is_file() for name in ("last.pth", "previous.pth")) else []
    code, _, errors = Command(*line, verb.output, folder, *resume, first=first).end()
    return code, errors


def _names(count: int) -> Counter[str]:
    """How often to try each verb."""
    return Counter(_VERBS[k % len(_VERBS)] for k in range(count))


def test_kills(share: float, verbs: Callable[[str], Verb], counts: Counts, tmp_path: Path) -> None:
    for name, kills in _names(max(1, round(share * _KILLS))).items():
        verb, moments, folder = verbs(name), random_of(f"{name} {share}"), tmp_path / name
        old, whole, counter = folder / "old" / "out", folder / "whole" / "out", folder / "counter"
        whole.parent.mkdir(parents=True)
        if verb.earlier:
            assert _run(verb, old, verb.earlier)[0] == 0
        code, errors = _run(verb, whole, verb.arguments, partial(die_before, NEVER, whole.parent, counter))
        assert code == 0, errors
        for number in range(kills):
            change = moments.randint(1, counter.stat().st_size)
            with counts.sample(f"{name}, killed before change {change}"):
                _kill(verb, folder / str(number) / "out", old, whole, change)


def _kill(verb: Verb, folder: Path, old: Path, whole: Path, change: int) -> None:
    folder.parent.mkdir()
    if verb.earlier:
        shutil.copytree(old, folder)
    code, errors = _run(verb, folder, verb.arguments, partial(die_before, change, folder.parent))
    assert code == -signal.SIGKILL, errors
    verb.check(folder, False)
    known = [_computed(old), _computed(whole)]
    for file, computed in _computed(folder).items():
        assert any(np.array_equal(computed, each[file]) for each in known), f"{file} is neither old nor new"
    code, errors = _run(verb, folder, verb.arguments)
    assert code == 0, errors
    verb.check(folder, True)
    assert not [path for path in folder.parent.rglob("*") if is_unfinished(path.name)]


def test_full_disks(share: float, verbs: Callable[[str], Verb], counts: Counts, tmp_path: Path) -> None:
    for name in _names(max(1, round(share * len(_VERBS)))):
        verb, folder = verbs(name), tmp_path / name / "out"
        folder.parent.mkdir()
        if verb.earlier:
            assert _run(verb, folder, verb.earlier)[0] == 0
        before = _digests(folder)
        with counts.sample(name):
            code, errors = _run(verb, folder, verb.arguments, _allow_small_files_only)
            told = [line for line in errors.splitlines() if line.startswith("facedet: ") and not _PROGRESS.match(line)]
            assert (code, len(told)) == (2, 1), errors
            assert "cannot be written" in told[0]
            assert "Traceback" not in errors
            assert not [path for path in tmp_path.rglob("*") if is_unfinished(path.name)]
            assert before.items() <= _digests(folder).items()
            verb.check(folder, False)
            code, errors = _run(verb, folder, verb.arguments)
            assert code == 0, errors
            verb.check(folder, True)


def _allow_small_files_only() -> None:
    """As if the disk were full, but for the output of the process."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))


def _digests(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path) for path in folder.rglob("*") if path.is_file()}
