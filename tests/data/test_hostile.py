"""Files that are no files, names that no file should have, and annotations that would grow, nest or hang: one line."""

import json
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.formats import WRITERS, coco_content, facedet, save_coco
from PIL import Image

from facedet.common.errors import UserError
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.evaluation.predictions import read_predictions


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


@pytest.mark.parametrize("make", [pipe, device, listening])
@pytest.mark.parametrize("name", ["x.json", "x.xml", "x.txt", "a.txt", "data.yaml", "x.zip"])
def test_what_is_no_file_is_refused_at_once_or_not_used(name: str, make: Callable, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket has a short name
    save_coco(tmp_path, coco_content(tmp_path))
    make(Path(name))
    for given in (["."], [name], [".", "--train-list", name]):
        done = facedet("data", "check", *given)
        assert done.exit_code == (1 if [name, given] == ["x.zip", ["."]] else 2)  # 1: its images are equal
        assert len(done.stderr.splitlines()) == (done.exit_code == 2)


@pytest.mark.parametrize("make", [pipe, device, listening])
def test_an_image_that_is_no_file_is_a_loss(make: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = save_coco(tmp_path, coco_content(tmp_path))
    (tmp_path / "b.png").unlink()
    make(Path("b.png"))
    dataset = read_dataset(source)
    assert [loss.file.name for loss in dataset.losses] == ["b.png"]
    assert len(dataset.photos) == 1


def test_predictions_that_are_no_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "event").mkdir()
    os.mkfifo(tmp_path / "event/a.txt")
    with pytest.raises(UserError, match=r"a\.txt: not predictions in WIDER FACE's layout \(not a file\)"):
        read_predictions(tmp_path)


YAMLS = {
    "an alias": ("a: &a [x]\ntrain: images\nnames: *a\n", "has the alias *a"),
    "a bomb": ("a: &a [x, x]\nb: &b [*a, *a]\ntrain: images\nnames: [*b, *b]\n", "has the alias *a"),
    "depth": ("train: images\nnames: " + "[" * 900 + "]" * 900, "nested more than 50 deep"),
    "a size": ("train: images\nnames: [" + "x, " * (1 << 19) + "]", "more than 1 MB"),
    "a key twice": ("train: images\ntrain: labels\n", "has 'train' twice"),
    "a name twice": ("train: images\nnames: {0: a, 0: b}\n", "has '0' twice"),
    "a date": ("train: images\nday: 2024-13-45\n", "month must be in 1..12"),
    "a tag": ("train: images\nx: !!timestamp x\n", "not a YOLO data.yaml"),
    "an object": ("train: images\nx: !!python/object:os.system x\n", "not a YOLO data.yaml"),
    "digits": ("train: images\nx: " + "1" * 5000, "not a YOLO data.yaml"),
    "no UTF-8": ("train: images\nnames: [caf\udce9]\n", "not a YOLO data.yaml"),
}


@pytest.mark.parametrize(("text", "reason"), YAMLS.values(), ids=YAMLS)
def test_a_yaml_that_cannot_be_read_is_refused_and_not_passed_over(text: str, reason: str, tmp_path: Path) -> None:
    WRITERS["yolo"](tmp_path)
    (tmp_path / "data.yaml").write_bytes(text.encode("utf-8", "surrogateescape"))
    for path in (tmp_path, tmp_path / "data.yaml"):
        with pytest.raises(UserError) as refused:
            read_dataset(DatasetSource(path))
        assert reason in str(refused.value)
        assert "data.yaml" in str(refused.value)


def test_another_yaml_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    WRITERS["yolo"](tmp_path)
    (tmp_path / "hyp.yaml").write_text("lr: &x 1\nmore:\n  train: *x\n")
    assert len(read_dataset(DatasetSource(tmp_path)).photos) == 3


def of_coco(old: str, new: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        text = json.dumps(coco_content(folder))
        assert old in text
        (folder / "set.json").write_text(text.replace(old, new, 1))
        return folder

    return make


def of_xml(name: str, text: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        coco_content(folder)
        (folder / name).write_text(text)
        return folder

    return make


BOMB = "".join(f'<!ENTITY e{k + 1} "{f"&e{k};" * 10}">' for k in range(9))
DEEP = "<a>" * 20_000 + "</a>" * 20_000
ANNOTATIONS = {
    "JSON of 100,000 levels": of_coco("[10, 20, 30, 40]", "[" * 100_000 + "]" * 100_000),
    "JSON with a key twice": of_coco('"annotations":', '"annotations": [], "annotations":'),
    "a number of 401 digits": of_coco("[10,", "[1" + "0" * 400 + ","),
    "a number of 5,001 digits": of_coco("[10,", "[1" + "0" * 5000 + ","),
    "a box of 1e308": of_coco("[10, 20, 30, 40]", "[1e308, 1e308, 1e308, 1e308]"),
    "a box of NaN": of_coco("[10, 20, 30, 40]", "[NaN, 1, 2, Infinity]"),
    "a box of 1_0": of_coco("[10, 20", '["1_0", 20'),
    "a width of 401 digits": of_coco('"width": 100', '"width": 1' + "0" * 400),
    "an id of 401 digits": of_coco('"id": 0', '"id": 1' + "0" * 400),
    "CVAT with a bomb": of_xml(
        "a.xml", f'<!DOCTYPE a [<!ENTITY e0 "1234567890">{BOMB}]><annotations>&e9;</annotations>'
    ),
    "CVAT of 20,000 levels": of_xml("a.xml", f'<annotations><image name="a.png">{DEEP}</image></annotations>'),
    "VOC with a bomb": of_xml("a.xml", f'<!DOCTYPE a [<!ENTITY e0 "1234567890">{BOMB}]><annotation>&e9;</annotation>'),
    "VOC with a side twice": of_xml(
        "a.xml",
        "<annotation><object><bndbox><xmin>1</xmin><xmin>2</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
        "</object></annotation>",
    ),
}
# what a plain program might write as a name, or an attacker
NAMES = ("x" * 300 + ".jpg", "y/" * 3000 + "a.jpg", "a\0b.jpg", "\ud800.jpg", "", ".", "..", "/", "x.zip/" + "y" * 300)
ANNOTATIONS |= {f"the name {name!r:.20}": of_coco('"b.png"', json.dumps(name)) for name in NAMES}


@pytest.mark.parametrize("make", ANNOTATIONS.values(), ids=map(ascii, ANNOTATIONS))
def test_hostile_annotations_are_refused_or_named_in_lines(make: Callable, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    source, out = make(tmp_path / "set"), tmp_path / "out"
    said = []
    try:
        said += read_dataset(DatasetSource(source, allow_losses=True)).skipped
    except UserError as error:
        said.append(str(error))
    assert said
    assert all(len(line.splitlines()) == 1 for line in said)
    checked = facedet("data", "check", source, "--report", out, "--json", out / "all.json")
    assert (checked.exit_code, out.exists()) in ((1, True), (2, False))


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_name_that_no_file_has_costs_one_image(name: str, tmp_path: Path) -> None:
    dataset = read_dataset(DatasetSource(of_coco('"b.png"', json.dumps(name))(tmp_path)))
    assert [photo.path.name for photo in dataset.photos] == ["a.png"]
    assert len(dataset.losses) == 1


ODD = (
    b"caf\xe9.png",
    b"line\nfacedet: ok.png",
    b"\x1b[2Jred.png",
    "u\u2028v.png".encode(),
    b" lead.png",
    b"back\\slash.png",
)


def odd_names(folder: Path) -> Path:
    """A dataset of images with these names, none of them alike."""
    folder.mkdir()
    content = coco_content(folder)
    for number, name in enumerate(ODD, start=10):
        noise = np.random.default_rng(number).integers(0, 255, (80, 100, 3)).astype(np.uint8)
        with open(os.path.join(os.fsencode(folder), name), "wb") as file:
            Image.fromarray(noise).save(file, "PNG")
        content["images"].append({"id": number, "file_name": os.fsdecode(name), "width": 100, "height": 80})
        content["annotations"].append({"id": number, "image_id": number, "category_id": 1, "bbox": [1, 2, 30, 40]})
    save_coco(folder, content)
    return folder


def test_lists_hold_names_that_are_not_utf8_and_no_forged_lines(tmp_path: Path) -> None:
    source, lists = odd_names(tmp_path / "set"), tmp_path / "lists"
    refused = facedet("data", "split", source, "--val", "0.5", "-o", lists)
    assert (refused.exit_code, len(refused.stderr.splitlines())) == (2, 1)
    assert "4 of 7 images cannot be listed" in refused.stderr
    done = facedet("data", "split", source, "--val", "0.5", "-o", lists, "--allow-losses")
    assert done.exit_code == 0
    lines = [line for part in ("train", "val") for line in (lists / f"{part}.txt").read_bytes().splitlines()]
    assert sorted(lines) == [b"a.png", b"b.png", b"caf\xe9.png"]
    assert len(done.stderr.splitlines()) == 5
    assert "\x1b" not in done.output
    read = [read_dataset(DatasetSource(source, names=lists / f"{part}.txt")).photos for part in ("train", "val")]
    assert sum(map(len, read)) == 3


def test_messages_and_tables_obey_no_name(tmp_path: Path) -> None:
    content = coco_content(tmp_path)
    content["categories"][0]["name"] = "face\n\x1b[2Jnothing would harm training"
    content["images"].append({"id": 9, "file_name": "x\nfacedet: ok\x1b[2J.png", "width": 1, "height": 1})
    save_coco(tmp_path, content)
    for verb in (["check", tmp_path], ["convert", tmp_path, "--to", "yolo", "-o", tmp_path / "out"]):
        done = facedet("data", *verb)
        assert "\x1b" not in done.output
        assert not any(line.startswith(("facedet: ok", "\x1b", "nothing would")) for line in done.output.splitlines())


def test_a_terminal_in_latin_1_prints_escapes(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "facedet",
        "data",
        "check",
        odd_names(tmp_path / "set"),
        "--report",
        tmp_path / "report",
    ]
    done = subprocess.run(command, capture_output=True, env=os.environ | {"PYTHONIOENCODING": "latin-1"})
    assert (done.returncode, done.stderr) == (1, b"")
    assert (tmp_path / "report/check.html").is_file()


@pytest.mark.parametrize("megabytes", [100, 350])
def test_little_memory_is_one_line(megabytes: int, tmp_path: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))

    command = [sys.executable, "-m", "facedet", "data", "check", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit, timeout=60)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "not enough memory" in done.stderr


def test_memory_that_ends_while_reading_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def loads(*args: object, **options: object) -> None:
        raise MemoryError

    source = save_coco(tmp_path, coco_content(tmp_path))
    monkeypatch.setattr(json, "loads", loads)
    with pytest.raises(UserError, match=r"set\.json: not enough memory to read it"):
        read_dataset(source)
