"""What reports state of themselves."""

import hashlib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from facedet.cli import main
from facedet.common.report_facts import (
    FROM_PYTHON,
    ReportedDataset,
    ReportedModel,
    digests,
    report_facts,
    rows,
)


def test_the_command_line_is_stated_as_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    stated = []

    @click.command()
    @click.argument("path")
    def probe(path: str) -> None:
        stated.append(report_facts().command)

    monkeypatch.setitem(main.commands, "probe", probe)
    assert CliRunner().invoke(main, ["probe", "my faces/a.png"]).exit_code == 0
    assert CliRunner().invoke(main, ["--help"]).exit_code == 0
    assert stated == ["main probe 'my faces/a.png'"]
    assert report_facts().command == FROM_PYTHON


def test_an_ir_has_two_digests(tmp_path: Path) -> None:
    for name in ("m.xml", "m.bin", "m.pth"):
        (tmp_path / name).write_text(name)
    assert digests(tmp_path / "m.xml") == {n: hashlib.sha256(n.encode()).hexdigest() for n in ("m.xml", "m.bin")}
    assert set(digests(tmp_path / "m.pth")) == {"m.pth"}


def test_a_page_shortens_digests_and_leaves_out_what_is_not_known() -> None:
    model = ReportedModel("my/m.xml", {"m.xml": "ab" * 32}, {"checkpoint_sha256": "cd" * 32}, 0.0, "CPU", "f32")
    found = {"images": 1234, "faces": 5, "digest": "ef" * 32}
    about = report_facts(
        [model], [ReportedDataset("faces", "val.txt", "validation", found, "CC0 (LICENSE)"), ReportedDataset("raw")]
    )
    lines = rows(about)
    assert lines[:2] == [
        ("validation", "faces; list val.txt; 1,234 images; 5 faces; fingerprint efefefefefef…; licence CC0 (LICENSE)"),
        ("dataset", "raw"),
    ]
    assert ("SHA-256 of m.xml", "abababababab…") in lines
    assert ("checkpoint sha256", "cdcdcdcdcdcd…") in lines
    assert ("threshold", "0.0") in lines
    assert lines[-1] == ("command", FROM_PYTHON)
    assert about.as_dict()["models"][0]["sha256"] == {"m.xml": "ab" * 32}
    assert "threshold" not in dict(rows(report_facts([ReportedModel("m.onnx", {})])))
