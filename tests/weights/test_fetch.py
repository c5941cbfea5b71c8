"""The published models and how `fetch` names them. What a download survives is in test_download.py."""

import hashlib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers.download_faults import cut
from helpers.download_server import DownloadServer

from facedet.cli import main
from facedet.common.errors import UserError
from facedet.weights import fetch as module
from facedet.weights.fetch import fetch, names
from facedet.weights.transfer import Limits

CONTENT = b"0123456789" * 1000
ONCE = Limits(pauses=(), stall=5)


@pytest.fixture
def server(download_server: DownloadServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> DownloadServer:
    file = {"path": "a/thing.bin", "bytes": len(CONTENT), "checksum": hashlib.sha384(CONTENT).hexdigest()}
    published = {"thing": {"base": "http://nowhere.invalid/", "algorithm": "sha384", "files": [file]}}
    (tmp_path / "published.json").write_text(json.dumps(published))
    monkeypatch.setattr(module, "PUBLISHED", tmp_path / "published.json")
    (download_server.folder / "thing.bin").write_bytes(CONTENT)
    return download_server


@pytest.mark.parametrize(
    "mirror",
    ["ftp://me:secret@host/", "http://me:sec ret@/", "http://[::1", "host/path", "http://me:secret@" + "a" * 70 + ".b"],
)
@pytest.mark.usefixtures("server")
def test_an_invalid_mirror_is_refused_without_showing_its_password(mirror: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        fetch("thing", tmp_path / "out", mirror=mirror, limits=ONCE)
    assert "secret" not in str(caught.value)
    assert "sec ret" not in str(caught.value)


def test_another_file_of_that_name_is_not_changed(server: DownloadServer, tmp_path: Path) -> None:
    (tmp_path / "thing.bin").write_bytes(b"mine")
    with pytest.raises(
        UserError, match=r"thing\.bin: already exists and is not the file of thing; choose another folder with -o"
    ):
        fetch("thing", tmp_path, mirror=server.address)
    assert (tmp_path / "thing.bin").read_bytes() == b"mine"


def test_a_missing_network_ends_in_one_line_that_says_what_to_do(server: DownloadServer, tmp_path: Path) -> None:
    server.shutdown()
    server.server_close()
    with pytest.raises(UserError) as caught:
        fetch("thing", tmp_path / "out", mirror=server.address.replace("//", "//me:secret@"), limits=ONCE)
    message = str(caught.value)
    assert "no connection" in message
    assert str(tmp_path / "out" / "thing.bin") in message
    assert "HTTPS_PROXY" in message
    assert "--mirror URL" in message
    assert "secret" not in message
    assert "\n" not in message
    assert list((tmp_path / "out").iterdir()) == []


def test_a_proxy_is_used_and_its_refusal_is_reported(
    server: DownloadServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.address)
    (path,) = fetch("thing", tmp_path / "out", mirror="http://publisher.invalid", limits=ONCE)
    assert path.read_bytes() == CONTENT
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with pytest.raises(UserError, match=r"the proxy .* refuses the connection"):
        fetch("thing", tmp_path / "other", mirror="http://publisher.invalid", limits=ONCE)


def test_the_command_prints_its_files_and_refuses_an_unknown_name(server: DownloadServer, tmp_path: Path) -> None:
    server.becomes((cut(5000),))
    done = CliRunner().invoke(main, ["fetch", "thing", "-o", str(tmp_path / "out"), "--mirror", server.address])
    assert (done.exit_code, done.stdout.strip()) == (0, str(tmp_path / "out" / "thing.bin"))
    assert "thing.bin: the connection was interrupted; trying again in 1 s" in done.stderr
    done = CliRunner().invoke(main, ["fetch", "things", "-o", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert "things: not a published file; give one of thing" in done.output


def test_the_published_files_are_those_of_the_reference(reference: Path) -> None:
    facts = (reference / "FACTS.md").read_text(encoding="utf-8")
    rows = {
        cells[1].strip(): cells[3:5] for cells in (line.split("|") for line in facts.splitlines()) if len(cells) == 6
    }
    assert names() == ["ir-fp32", "ir-fp16", "ir-int8", "snapshot"]
    published = json.loads(module.PUBLISHED.read_text())
    for name, row in (("ir-fp32", "FP32"), ("ir-fp16", "FP16"), ("ir-int8", "FP16-INT8")):
        for file in published[name]["files"]:
            suffix = file["path"][-3:]
            assert [cell.strip() for cell in rows[f"{row} {suffix}"]] == [str(file["bytes"]), file["checksum"]]
            assert f"/{row}/face-detection-0206.{suffix}" in file["path"]
            assert f"{published[name]['base']}" in facts
            assert file["path"][:6] == ("2022.3" if row == "FP16-INT8" else "2023.0")
    (snapshot,) = published["snapshot"]["files"]
    assert published["snapshot"]["base"] + snapshot["path"] in facts
    assert f"{snapshot['bytes']:,} bytes, SHA-256 {snapshot['checksum']}" in facts
