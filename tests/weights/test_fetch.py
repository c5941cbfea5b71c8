"""Fetching, from a server on loopback that does what servers and networks do to people."""

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from facedet.cli import main
from facedet.core.common.errors import UserError
from facedet.core.weights import fetch as module
from facedet.core.weights.fetch import Patience, fetch, names

CONTENT = np.random.default_rng(0).bytes(3_000_000)
HASTY = Patience(pauses=(0.01, 0.01, 0.01), silence=0.5)


@dataclass
class Faults:
    """What the server does wrong. cut: bytes after which it closes, for so many answers; stall: the same, but it falls
    silent; wrong: answers with a byte changed; statuses: given instead of an answer."""

    cut: int = 0
    cuts: int = 0
    stalls: int = 0
    wrong: int = 0
    ranges: bool = True
    longer: bool = False
    uneven: bool = False  # cuts earlier every second time
    statuses: list[int] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)  # Range of each request


class Server(ThreadingHTTPServer):
    faults: Faults
    daemon_threads = True


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        faults = self.server.faults
        faults.asked.append(self.headers.get("Range", ""))
        if not self.path.endswith("/a/thing.bin"):
            faults.statuses.append(404)
        if faults.statuses:
            self.send_error(faults.statuses.pop(0))
            return
        start = int(self.headers["Range"][6:].rstrip("-")) if faults.ranges and "Range" in self.headers else 0
        body = bytearray(CONTENT[start:]) + (b"more" if faults.longer else b"")
        if faults.wrong:
            faults.wrong -= 1
            body[-1] ^= 1
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.end_headers()
        broken = faults.cuts > 0 or faults.stalls > 0
        cut = faults.cut // 2 if faults.uneven and faults.cuts % 2 else faults.cut
        self.wfile.write(body[:cut] if broken else body)
        if faults.stalls:
            faults.stalls -= 1
            time.sleep(2 * HASTY.silence)
        elif faults.cuts:
            faults.cuts -= 1

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
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
    made = Server(("127.0.0.1", 0), Handler)
    made.faults = Faults()
    thread = threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()


def get(server: Server, folder: Path, patience: Patience = HASTY) -> Path:
    (path,) = fetch("thing", folder, mirror=f"http://127.0.0.1:{server.server_port}/mirror/", patience=patience)
    return path


def assert_whole(path: Path) -> None:
    assert path.read_bytes() == CONTENT
    assert [p.name for p in path.parent.iterdir()] == ["thing.bin"]


def part_name() -> str:
    return f"thing.bin.{hashlib.sha384(CONTENT).hexdigest()[:8]}.part"


def test_a_file_arrives_whole_and_is_not_fetched_twice(server: Server, tmp_path: Path) -> None:
    assert_whole(get(server, tmp_path / "out"))
    assert_whole(get(server, tmp_path / "out"))
    assert server.faults.asked == [""]


def test_cut_connections_are_gone_on_with_as_long_as_bytes_come(server: Server, tmp_path: Path) -> None:
    server.faults = Faults(cut=400_000, cuts=7)  # more often than there are pauses
    assert_whole(get(server, tmp_path / "out"))
    assert len(server.faults.asked) == 8
    starts = [int(asked[6:-1]) for asked in server.faults.asked[1:]]
    assert starts == sorted(starts)
    assert starts[0] > 0


def test_a_stall_is_given_up_and_gone_on_with(server: Server, tmp_path: Path) -> None:
    server.faults = Faults(cut=400_000, stalls=1)
    assert_whole(get(server, tmp_path / "out"))
    assert server.faults.asked[1].startswith("bytes=")


def test_a_server_that_ignores_ranges_begins_anew(server: Server, tmp_path: Path) -> None:
    server.faults = Faults(cut=400_000, cuts=1, ranges=False)
    assert_whole(get(server, tmp_path / "out"))
    assert server.faults.asked[1].startswith("bytes=")


def test_a_server_that_ignores_ranges_and_always_cuts_is_given_up(server: Server, tmp_path: Path) -> None:
    server.faults = Faults(cut=400_000, cuts=99, ranges=False, uneven=True)
    with pytest.raises(UserError, match="and again on every further try"):
        get(server, tmp_path / "out")
    assert len(server.faults.asked) < 12


def test_a_server_that_refuses_ranges_is_asked_for_the_whole(server: Server, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / part_name()).write_bytes(CONTENT[:1000])
    server.faults = Faults(statuses=[416])
    assert_whole(get(server, tmp_path / "out"))
    assert server.faults.asked == ["bytes=1000-", ""]
    server.faults = Faults(statuses=[416, 416])
    with pytest.raises(UserError, match="the server has no such range of it"):
        get(server, tmp_path / "other")


@pytest.mark.parametrize(
    "mirror",
    ["ftp://me:secret@host/", "http://me:sec ret@/", "http://[::1", "host/path", "http://me:secret@" + "a" * 70 + ".b"],
)
def test_a_mirror_that_is_none_is_refused_without_its_password(server: Server, mirror: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        fetch("thing", tmp_path / "out", mirror=mirror, patience=Patience(pauses=()))
    assert "secret" not in str(caught.value)
    assert "sec ret" not in str(caught.value)


def test_wrong_bytes_get_one_more_chance(server: Server, tmp_path: Path) -> None:
    server.faults = Faults(wrong=1)
    assert_whole(get(server, tmp_path / "out"))
    server.faults = Faults(wrong=9)
    with pytest.raises(UserError, match=r"thing\.bin: is not the published file \(its sha384 is another\)"):
        get(server, tmp_path / "other")
    assert len(server.faults.asked) == 2
    assert list((tmp_path / "other").iterdir()) == []


def test_a_longer_file_is_not_the_published_one(server: Server, tmp_path: Path) -> None:
    server.faults = Faults(longer=True)
    with pytest.raises(UserError, match="it goes on after 3,000,000 bytes"):
        get(server, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_an_interrupted_download_goes_on_in_the_next_run(server: Server, tmp_path: Path) -> None:
    server.faults = Faults(cut=400_000, cuts=99)
    with pytest.raises(UserError, match=r"thing\.bin: the connection broke off, .* bytes are kept"):
        get(server, tmp_path / "out", Patience(pauses=()))
    assert [p.name for p in (tmp_path / "out").iterdir()] == [part_name()]
    server.faults = Faults()
    assert_whole(get(server, tmp_path / "out"))
    assert server.faults.asked[0].startswith("bytes=")


def test_a_part_of_something_else_is_fetched_anew(server: Server, tmp_path: Path) -> None:
    for stale in (b"x" * 1000, b"x" * len(CONTENT), b"x" * (len(CONTENT) + 5)):
        (tmp_path / "out").mkdir(exist_ok=True)
        (tmp_path / "out" / "thing.bin").unlink(missing_ok=True)
        (tmp_path / "out" / part_name()).write_bytes(stale)
        assert_whole(get(server, tmp_path / "out"))


def test_busy_servers_are_asked_again_and_refusals_are_final(server: Server, tmp_path: Path) -> None:
    server.faults = Faults(statuses=[503, 429])
    assert_whole(get(server, tmp_path / "out"))
    server.faults = Faults(statuses=[404])
    with pytest.raises(UserError, match=r"the server answers 404 Not Found; try --mirror URL"):
        get(server, tmp_path / "other")
    assert len(server.faults.asked) == 1


def test_somebody_elses_file_of_that_name_is_left_alone(server: Server, tmp_path: Path) -> None:
    (tmp_path / "thing.bin").write_bytes(b"mine")
    with pytest.raises(
        UserError, match=r"thing\.bin: is there already and is not that of thing; give another folder with -o"
    ):
        get(server, tmp_path)
    assert (tmp_path / "thing.bin").read_bytes() == b"mine"


def test_no_network_ends_in_one_line_that_says_what_to_do(server: Server, tmp_path: Path) -> None:
    port = server.server_port
    server.shutdown()
    server.server_close()
    with pytest.raises(UserError) as caught:
        fetch("thing", tmp_path / "out", mirror=f"http://me:secret@127.0.0.1:{port}", patience=HASTY)
    told = str(caught.value)
    assert "no connection" in told
    assert str(tmp_path / "out" / "thing.bin") in told
    assert "HTTPS_PROXY" in told
    assert "secret" not in told
    assert "\n" not in told


def test_a_proxy_is_used_and_its_refusal_named(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{server.server_port}")
    (path,) = fetch("thing", tmp_path / "out", mirror="http://publisher.invalid", patience=HASTY)
    assert path.read_bytes() == CONTENT
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with pytest.raises(UserError, match=r"the proxy .* does not let us through"):
        fetch("thing", tmp_path / "other", mirror="http://publisher.invalid", patience=HASTY)


def test_the_command_names_its_files_and_what_it_does_not_know(server: Server, tmp_path: Path) -> None:
    mirror = f"http://127.0.0.1:{server.server_port}"
    done = CliRunner().invoke(main, ["fetch", "thing", "-o", str(tmp_path / "out"), "--mirror", mirror])
    assert (done.exit_code, done.output.strip()) == (0, str(tmp_path / "out" / "thing.bin"))
    done = CliRunner().invoke(main, ["fetch", "things", "-o", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert "things: not a published file; give one of thing" in done.output


def test_the_published_files_are_those_of_the_facts(reference: Path) -> None:
    facts = (reference / "FACTS.md").read_text(encoding="utf-8")
    rows = {
        cells[1].strip(): cells[3:5] for cells in (line.split("|") for line in facts.splitlines()) if len(cells) == 6
    }
    assert names() == ["ir-fp32", "ir-fp16", "ir-int8", "snapshot"]
    published = json.loads(module.PUBLISHED.read_text())
    for name, row in (("ir-fp32", "FP32"), ("ir-fp16", "FP16"), ("ir-int8", "FP16-INT8")):
        for each in published[name]["files"]:
            form = each["path"][-3:]
            assert [cell.strip() for cell in rows[f"{row} {form}"]] == [str(each["bytes"]), each["checksum"]]
            assert f"/{row}/face-detection-0206.{form}" in each["path"]
            assert f"{published[name]['base']}" in facts
            assert each["path"][:6] == ("2022.3" if row == "FP16-INT8" else "2023.0")
    (snapshot,) = published["snapshot"]["files"]
    assert published["snapshot"]["base"] + snapshot["path"] in facts
    assert f"{snapshot['bytes']:,} bytes, SHA-256 {snapshot['checksum']}" in facts
