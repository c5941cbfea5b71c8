"""The licence of a dataset is what its files state, and nothing else."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest

from facedet.data.dataset import DatasetSource
from facedet.data.image import write_png
from facedet.data.licence import licence_of

ROBOFLOW = "# faces > 2026-11-01\nhttps://universe.example/faces\n\nProvided by a user\nLicense: CC BY 4.0\n"
HUB = "---\npretty_name: Faces\nlicense: cc-by-nc-4.0\ntags:\n- faces\n---\n# Faces\n"


LONG = (
    "Attribution-NonCommercial-ShareAlike License, "
    "Attribution-NonCommercial-ShareAlike License Attribution-NonCommercial-ShareAlike License Attributio… (a.json)"
)


def coco(folder: Path, **content: Any) -> Path:
    images = [{"id": 1, "file_name": "a.png", "width": 64, "height": 48}]
    boxes = [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [4, 4, 20, 20]}]
    rest = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "face"}]}
    write_png(np.zeros((48, 64, 3), np.uint8), folder / "a.png")
    (folder / "a.json").write_text(json.dumps(content | rest))
    return folder / "a.json"


def yolo(folder: Path, extra: str) -> Path:
    for part in ("images", "labels"):
        (folder / part).mkdir()
    write_png(np.zeros((48, 64, 3), np.uint8), folder / "images" / "a.png")
    (folder / "labels" / "a.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (folder / "data.yaml").write_text(f"train: images\nnames: [face]\n{extra}")
    return folder


def named(*names: str) -> list[dict[str, Any]]:
    return [{"id": k, "name": name, "url": ""} for k, name in enumerate(names)]


@pytest.mark.parametrize(
    ("licences", "stated"),
    [
        (named("CC BY 4.0"), "CC BY 4.0 (a.json)"),
        (named("A", "B", "A"), "A, B (a.json)"),
        (named("A", "B", "C", "D", "E"), "A, B, C, 2 more (a.json)"),
        (
            [{"id": 1, "url": "https://cc.example/by/4.0"}],
            "https://cc.example/by/4.0 (a.json)",
        ),
        (named(""), ""),  # CVAT and Datumaro write an empty one
        ([], ""),
        (["MIT"], ""),
        (["MIT", {"name": "CC BY 4.0"}], "CC BY 4.0 (a.json)"),
        (named(*("Attribution-NonCommercial-ShareAlike License " * k for k in (1, 3))), LONG),
        ([{"name": 3}, {"name": None}, {"name": "ok\x1b[2J\nforged: line"}], "ok\\x1b[2J\\nforged: line (a.json)"),
    ],
)
def test_licences_of_a_coco_json(tmp_path: Path, licences: list, stated: str) -> None:
    assert licence_of(DatasetSource(coco(tmp_path, licenses=licences))) == stated
    assert licence_of(DatasetSource(tmp_path)) == stated


def test_licences_at_the_end_of_a_coco_json(tmp_path: Path) -> None:
    path = coco(tmp_path)
    path.write_text(path.read_text()[:-1] + ', "licenses" : [ {"name": "CC0"} ]}')
    assert licence_of(DatasetSource(path)) == "CC0 (a.json)"


@pytest.mark.parametrize(
    ("extra", "stated"),
    [
        ("roboflow:\n  workspace: w\n  license: CC BY 4.0\n", "CC BY 4.0 (data.yaml)"),
        ("license: AGPL-3.0\n", "AGPL-3.0 (data.yaml)"),
        ("roboflow: 3\nlicense: [a]\n", ""),
        ("", ""),
    ],
)
def test_licence_of_a_data_yaml(tmp_path: Path, extra: str, stated: str) -> None:
    folder = yolo(tmp_path, extra)
    assert licence_of(DatasetSource(folder)) == stated
    assert licence_of(DatasetSource(folder / "data.yaml")) == stated


BADGE = "[![License: CC BY 4.0](https://img.example/License-CC.svg)](https://cc.example/by/4.0/)"


@pytest.mark.parametrize(
    ("name", "text", "stated"),
    [
        ("README.dataset.txt", ROBOFLOW, "CC BY 4.0"),
        ("README.dataset.txt", ROBOFLOW.replace("\n", "\r\n"), "CC BY 4.0"),
        ("README.md", HUB, "cc-by-nc-4.0"),
        ("README.md", '---\nlicense: "mit"  # see below\n---\n', "mit"),
        ("README.md", "---\nlicense:\n- mit\n- cc0-1.0\n---\n", "mit; cc0-1.0"),
        ("README.md", "---\nlicense: other\nlicense_name: my-terms\n---\n", "my-terms"),
        ("README.md", "---\nlicense: null\n---\nLicense: MIT\n", "MIT"),
        ("README.md", f"# Faces\n{BADGE}\n", "CC BY 4.0"),
        ("README.md", "License: [CC BY 4.0](https://cc.example/by/4.0/)\n", "CC BY 4.0"),
        ("README.md", "| License | CC BY 4.0 |\n", "CC BY 4.0"),
        ("README.md", "## License\n\nCC BY 4.0\n", "CC BY 4.0"),
        ("README.md", f"## License\n\n{'Long. ' * 40}\n", ("Long. " * 40)[:100] + "…"),
        ("readme", "**Licence:** MIT\n", "MIT"),
        ("README.md", "License: unknown\n", ""),
        ("README.md", "# Faces\nThe licence of the photographs is unknown.\n", ""),
        ("README.md", "## License\n\n## Faces\n", ""),
        ("README.md", "---\n[\n---\n", ""),
        ("README.md", "", ""),
        ("README.png", "License: no text\n", ""),
        ("LICENSE", "Creative Commons Attribution 4.0\n\nmore\n", "Creative Commons Attribution 4.0"),
        ("LICENSE.md", "# License\n\n# MIT License\n", "MIT License"),
        ("LICENSE", "  Apache License\n  Version 2.0, January 2004\n", "Apache License, Version 2.0, January 2004"),
        ("LICENSE", "======\nCopyright (c) 2020, Foo\n", "its own text"),
        ("licence.txt", "MIT License\n", "MIT License"),
        ("LICENSE", "", ""),
        ("license_plates.txt", "one 0 0 3 4\n", ""),
        ("copying_instructions.md", "Copy the files\n", ""),
        ("notes.txt", "License: of something else\n", ""),
    ],
)
def test_licence_beside_the_annotations(tmp_path: Path, name: str, text: str, stated: str) -> None:
    coco(tmp_path)
    (tmp_path / name).write_bytes(text.encode())
    stated = "; ".join(f"{each} ({name})" for each in stated.split("; ")) if stated else ""
    assert licence_of(DatasetSource(tmp_path)) == stated
    with ZipFile(tmp_path / "set.zip", "w") as archive:
        for file in ("a.json", "a.png", name):
            archive.write(tmp_path / file, f"set/{file}")  # a zip of a folder
    assert licence_of(DatasetSource(tmp_path / "set.zip")) == stated


def test_a_licence_is_found_above_the_annotations(tmp_path: Path) -> None:
    for folder in ("images", "annotations"):
        (tmp_path / "given" / "faces" / folder).mkdir(parents=True)
    (tmp_path / "LICENSE").write_text("of something else\n")
    top = tmp_path / "given" / "faces"
    coco(top / "annotations")
    (top / "annotations" / "a.png").rename(top / "images" / "a.png")
    (top / "README.md").write_text("License: MIT\n")
    for path in (tmp_path / "given", top, top / "annotations" / "a.json"):
        assert licence_of(DatasetSource(path)) == "MIT (README.md)"


def test_files_that_agree_are_named_together(tmp_path: Path) -> None:
    folder = yolo(tmp_path, "license: CC BY 4.0\n")
    (folder / "README.dataset.txt").write_text(ROBOFLOW)
    (folder / "LICENSE").write_text("Own terms\n")
    assert licence_of(DatasetSource(folder)) == "CC BY 4.0 (data.yaml, README.dataset.txt); Own terms (LICENSE)"


def test_a_dataset_that_is_gone_states_nothing(tmp_path: Path) -> None:
    assert licence_of(DatasetSource(tmp_path / "gone")) == licence_of(DatasetSource(tmp_path)) == ""


@pytest.mark.parametrize("write", [lambda path: path.write_bytes(b"\xff\xfe\x00"), lambda path: path.mkdir()])
def test_a_damaged_file_states_nothing(tmp_path: Path, write: Callable[[Path], Any]) -> None:
    coco(tmp_path, licenses=named("CC0"))
    write(tmp_path / "LICENSE")
    assert licence_of(DatasetSource(tmp_path)) == "CC0 (a.json)"
