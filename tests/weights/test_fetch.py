"""Downloads from a server that fails in many ways."""

import hashlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from helpers.download_server import DownloadServer, Faults

from facedet.cli import main
from facedet.common.errors import UserError
from facedet.weights import fetch as module
from facedet.weights.fetch import RetryPolicy, fetch, names

CONTENT = np.random.default_rng(0).bytes(3_000_000)
QUICK = RetryPolicy(pauses=(0.01, 0.01, 0.01), timeout=0.5)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[DownloadServer]:
    published = {
        "thing": {
            "base": "http://nowhere.invalid/",
            "algorithm": "sha384",
            "files": [
                {"path": "a/thing.bin", "bytes": len(CONTENT), "checksum": hashlib.sha384(CONTENT).hexdigest()},
            ],
        }
    }
    (tmp_path / "published.json").write_text(json.dumps(published))
    monkeypatch.setattr(module, "PUBLISHED", tmp_path / "published.json")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    made = DownloadServer(CONTENT, stall=2 * QUICK.timeout)
    thread = threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()


def get(server: DownloadServer, folder: Path, retries: RetryPolicy = QUICK) -> Path:
    (path,) = fetch("thing", folder, mirror=f"http://127.0.0.1:{server.server_port}/mirror/", retries=retries)
    return path


def assert_complete(path: Path) -> None:
    assert path.read_bytes() == CONTENT
    assert [p.name for p in path.parent.iterdir()] == ["thing.bin"]


def part_name() -> str:
    return f"thing.bin.{hashlib.sha384(CONTENT).hexdigest()[:8]}.part"


def test_a_file_is_complete_and_is_not_downloaded_twice(server: DownloadServer, tmp_path: Path) -> None:
    assert_complete(get(server, tmp_path / "out"))
    assert_complete(get(server, tmp_path / "out"))
    assert server.faults.requested == [""]


def test_a_cut_connection_is_resumed_as_long_as_new_bytes_arrive(server: DownloadServer, tmp_path: Path) -> None:
    server.faults = Faults(cut=400_000, cuts=7)  # more often than there are pauses
    assert_complete(get(server, tmp_path / "out"))
    assert len(server.faults.requested) == 8
    starts = [int(header[6:-1]) for header in server.faults.requested[1:]]
    assert starts == sorted(starts)
    assert starts[0] > 0


def test_a_stalled_connection_is_closed_and_resumed(server: DownloadServer, tmp_path: Path) -> None:
    server.faults = Faults(cut=400_000, stalls=1)
    assert_complete(get(server, tmp_path / "out"))
    assert server.faults.requested[1].startswith("bytes=")


def test_a_server_that_ignores_ranges_starts_again_from_zero(server: DownloadServer, tmp_path: Path) -> None:
    server.faults = Faults(cut=400_000, cuts=1, ranges=False)
    assert_complete(get(server, tmp_path / "out"))
    assert server.faults.requested[1].startswith("bytes=")


def test_retries_end_if_a_server_ignores_ranges_and_always_cuts(server: DownloadServer, tmp_path: Path) -> None:
    server.faults = Faults(cut=400_000, cuts=99, ranges=False, uneven=True)
    with pytest.raises(UserError, match="in every retry too"):
        get(server, tmp_path / "out")
    assert len(server.faults.requested) < 12


def test_a_server_that_refuses_ranges_is_asked_for_the_complete_file(server: DownloadServer, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / part_name()).write_bytes(CONTENT[:1000])
    server.faults = Faults(statuses=[416])
    assert_complete(get(server, tmp_path / "out"))
    assert server.faults.requested == ["bytes=1000-", ""]
    server.faults = Faults(statuses=[416, 416])
    with pytest.raises(UserError, match="the server does not have the requested range"):
        get(server, tmp_path / "other")


@pytest.mark.parametrize(
    "mirror",
    ["ftp://me:secret@host/", "http://me:sec ret@/", "http://[::1", "host/path", "http://me:secret@" + "a" * 70 + ".b"],
)
def test_an_invalid_mirror_is_refused_without_showing_its_password(
    server: DownloadServer, mirror: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as caught:
        fetch("thing", tmp_path / "out", mirror=mirror, retries=RetryPolicy(pauses=()))
    assert "secret" not in str(caught.value)
    assert "sec ret" not in str(caught.value)


def test_a_file_with_wrong_content_is_downloaded_once_more(server: DownloadServer, tmp_path: Path) -> None:
    server.faults = Faults(wrong=1)
    assert_complete(get(server, tmp_path / "out"))
    server.faults = Faults(wrong=9)
    with pytest.raises(UserError, match=r"thing\.bin: is not the published file \(its sha384 is different\)"):
        get(server, tmp_path / "other")
    assert len(server.faults.requested) == 2
    assert list((tmp_path / "other").iterdir()) == []


def test_a_longer_file_is_refused(server: DownloadServer, tmp_path: Path) -> None:
    server.faults = Faults(longer=True)
    with pytest.raises(UserError, match="it has more than 3,000,000 bytes"):
        get(server, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_an_interrupted_download_is_resumed_by_the_next_call(server: DownloadServer, tmp_path: Path) -> None:
    server.faults = Faults(cut=400_000, cuts=99)
    with pytest.raises(UserError, match=r"thing\.bin: the connection was interrupted, .* bytes are kept"):
        get(server, tmp_path / "out", RetryPolicy(pauses=()))
    assert [p.name for p in (tmp_path / "out").iterdir()] == [part_name()]
    server.faults = Faults()
    assert_complete(get(server, tmp_path / "out"))
    assert server.faults.requested[0].startswith("bytes=")


def test_a_part_of_another_file_is_downloaded_again(server: DownloadServer, tmp_path: Path) -> None:
    for stale in (b"x" * 1000, b"x" * len(CONTENT), b"x" * (len(CONTENT) + 5)):
        (tmp_path / "out").mkdir(exist_ok=True)
        (tmp_path / "out" / "thing.bin").unlink(missing_ok=True)
        (tmp_path / "out" / part_name()).write_bytes(stale)
        assert_complete(get(server, tmp_path / "out"))


def test_a_busy_server_is_asked_again_and_a_refusal_is_final(server: DownloadServer, tmp_path: Path) -> None:
    server.faults = Faults(statuses=[503, 429])
    assert_complete(get(server, tmp_path / "out"))
    server.faults = Faults(statuses=[404])
    with pytest.raises(UserError, match=r"the server answers 404 Not Found; try --mirror URL"):
        get(server, tmp_path / "other")
    assert len(server.faults.requested) == 1


def test_another_file_of_that_name_is_not_changed(server: DownloadServer, tmp_path: Path) -> None:
    (tmp_path / "thing.bin").write_bytes(b"mine")
    with pytest.raises(
        UserError, match=r"thing\.bin: already exists and is not the file of thing; choose another folder with -o"
    ):
        get(server, tmp_path)
    assert (tmp_path / "thing.bin").read_bytes() == b"mine"


def test_a_missing_network_ends_in_one_line_that_says_what_to_do(server: DownloadServer, tmp_path: Path) -> None:
    port = server.server_port
    server.shutdown()
    server.server_close()
    with pytest.raises(UserError) as caught:
        fetch("thing", tmp_path / "out", mirror=f"http://me:secret@127.0.0.1:{port}", retries=QUICK)
    message = str(caught.value)
    assert "no connection" in message
    assert str(tmp_path / "out" / "thing.bin") in message
    assert "HTTPS_PROXY" in message
    assert "secret" not in message
    assert "\n" not in message


def test_a_proxy_is_used_and_its_refusal_is_reported(
    server: DownloadServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{server.server_port}")
    (path,) = fetch("thing", tmp_path / "out", mirror="http://publisher.invalid", retries=QUICK)
    assert path.read_bytes() == CONTENT
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with pytest.raises(UserError, match=r"the proxy .* refuses the connection"):
        fetch("thing", tmp_path / "other", mirror="http://publisher.invalid", retries=QUICK)


def test_the_command_prints_its_files_and_refuses_an_unknown_name(server: DownloadServer, tmp_path: Path) -> None:
    mirror = f"http://127.0.0.1:{server.server_port}"
    done = CliRunner().invoke(main, ["fetch", "thing", "-o", str(tmp_path / "out"), "--mirror", mirror])
    assert (done.exit_code, done.output.strip()) == (0, str(tmp_path / "out" / "thing.bin"))
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
