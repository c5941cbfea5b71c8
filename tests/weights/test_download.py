"""Downloads from a server that fails in many ways, into folders where other things lie."""

import hashlib
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.download_faults import (
    Fault,
    compressed,
    cut,
    line,
    longer,
    no_ranges,
    other_range,
    redirect,
    slow,
    status,
    web_page,
    wrong_byte,
)
from helpers.download_server import DownloadServer
from helpers.planted import PLANTED

from facedet.common.errors import UserError
from facedet.weights.download import Remote, download
from facedet.weights.transfer import Limits

CONTENT = np.random.default_rng(0).bytes(300_000)
QUICK = Limits(pauses=(0.01, 0.01, 0.01), stall=20, piece=1 << 14, longest_pause=0.2, total=60)
IMPATIENT = replace(QUICK, stall=0.5)  # for servers that stall; else a loaded machine would be one
ONCE = replace(QUICK, pauses=())


@pytest.fixture
def server(download_server: DownloadServer) -> DownloadServer:
    (download_server.folder / "thing.bin").write_bytes(CONTENT)
    return download_server


@pytest.fixture
def remote(server: DownloadServer, tmp_path: Path) -> Remote:
    return Remote(
        url=f"{server.address}/a/thing.bin",
        target=tmp_path / "out" / "thing.bin",
        algorithm="sha384",
        checksum=hashlib.sha384(CONTENT).hexdigest(),
        title="the file of thing",
        if_taken="remove it",
        if_refused="try --mirror URL",
        bytes=len(CONTENT),
    )


@pytest.fixture
def unsized(remote: Remote) -> Remote:
    """As torchvision's files: without a size, with the first digits of the checksum."""
    return replace(remote, bytes=None, checksum=remote.checksum[:8])


def assert_complete(remote: Remote) -> None:
    assert remote.target.read_bytes() == CONTENT
    assert list(remote.target.parent.iterdir()) == [remote.target]


def start_with(remote: Remote, part: bytes) -> None:
    remote.target.parent.mkdir(exist_ok=True)
    remote.target.unlink(missing_ok=True)
    remote.part.write_bytes(part)


def test_a_file_is_complete_and_is_not_downloaded_twice(server: DownloadServer, remote: Remote) -> None:
    download(remote)
    download(remote)
    assert_complete(remote)
    assert server.requested == [""]


def test_a_cut_connection_is_resumed_as_long_as_new_bytes_arrive(server: DownloadServer, remote: Remote) -> None:
    server.becomes(*[(cut(40_000),)] * 7)  # more often than there are pauses
    download(remote, limits=QUICK)
    assert_complete(remote)
    assert server.requested == ["", *(f"bytes={40_000 * k}-" for k in range(1, 8))]


@pytest.mark.parametrize("fault", [cut(40_000, stalls=True), slow("body"), slow("head"), cut(0, stalls=True)])
def test_a_stalled_or_very_slow_server_is_left_and_asked_again(
    server: DownloadServer, unsized: Remote, fault: Fault
) -> None:
    told: list[str] = []
    server.becomes((fault,))
    download(unsized, limits=IMPATIENT, tell=told.append)
    assert_complete(unsized)
    assert told
    assert all("for 0.5 seconds; trying again" in line for line in told)


def test_a_server_that_sends_a_little_each_time_is_not_asked_forever(server: DownloadServer, remote: Remote) -> None:
    server.becomes(always=(cut(1000),))
    with pytest.raises(UserError, match=r"in every retry too; run the same command again to resume \(4,000 of 300,000"):
        download(remote, limits=QUICK)
    server.becomes(always=(slow("body"),))
    with pytest.raises(UserError, match="not complete after 1 seconds"):
        download(remote, limits=replace(QUICK, piece=1, total=1))


def test_a_server_that_ignores_ranges_starts_again_from_zero(server: DownloadServer, remote: Remote) -> None:
    server.becomes((cut(40_000),), (no_ranges,))
    download(remote, limits=QUICK)
    assert_complete(remote)
    assert server.requested == ["", "bytes=40000-"]


def test_retries_end_if_a_server_ignores_ranges_and_always_cuts(server: DownloadServer, remote: Remote) -> None:
    server.becomes(*[(no_ranges, cut(size)) for size in (40_000, 20_000) * 10])
    with pytest.raises(UserError, match="in every retry too"):
        download(remote, limits=QUICK)
    assert len(server.requested) < 12


def test_a_server_that_refuses_ranges_is_asked_for_the_complete_file(server: DownloadServer, remote: Remote) -> None:
    start_with(remote, CONTENT[:1000])
    server.becomes((status(416),))
    download(remote, limits=QUICK)
    assert_complete(remote)
    assert server.requested == ["bytes=1000-", ""]
    remote.target.unlink()
    server.becomes((status(416),), (other_range,))
    with pytest.raises(UserError, match="the server does not have the requested range"):
        download(remote, limits=QUICK)


def test_a_file_with_wrong_content_is_downloaded_once_more(server: DownloadServer, remote: Remote) -> None:
    server.becomes((wrong_byte,))
    download(remote, limits=QUICK)
    assert_complete(remote)
    remote.target.unlink()
    server.becomes(always=(wrong_byte,))
    with pytest.raises(
        UserError, match=r"thing\.bin: is not the file of thing \(its sha384 is different\); nothing is"
    ):
        download(remote, limits=QUICK)
    assert len(server.requested) == 2
    assert list(remote.target.parent.iterdir()) == []


@pytest.mark.parametrize(("limit", "most"), [(300_000, "300,000"), (None, "200,000")])
def test_a_longer_file_is_refused(server: DownloadServer, remote: Remote, limit: int | None, most: str) -> None:
    server.becomes(always=(longer,))
    with pytest.raises(UserError, match=f"it has more than {most} bytes"):
        download(replace(remote, bytes=limit), limits=replace(QUICK, largest=200_000))
    assert list(remote.target.parent.iterdir()) == []


def test_an_interrupted_download_is_resumed_by_the_next_call(server: DownloadServer, unsized: Remote) -> None:
    server.becomes(always=(cut(40_000),))
    with pytest.raises(UserError, match=r"thing\.bin: the connection was interrupted.* \(40,000 bytes are kept\)"):
        download(unsized, limits=ONCE)
    assert list(unsized.target.parent.iterdir()) == [unsized.part]
    server.becomes()
    download(unsized, limits=ONCE)
    assert_complete(unsized)
    assert server.requested == ["bytes=40000-"]


def test_a_part_of_another_file_is_downloaded_again(server: DownloadServer, remote: Remote, unsized: Remote) -> None:
    for each in (remote, unsized):
        for stale in (b"x" * 1000, b"x" * len(CONTENT), b"x" * (len(CONTENT) + 5)):
            start_with(each, stale)
            download(each, limits=QUICK)
            assert_complete(each)


def test_a_complete_part_only_gets_its_name(server: DownloadServer, unsized: Remote) -> None:
    start_with(unsized, CONTENT)
    download(unsized, limits=QUICK)
    assert_complete(unsized)
    assert server.requested == []


def test_a_busy_server_is_asked_again_and_a_refusal_is_final(server: DownloadServer, remote: Remote) -> None:
    told: list[str] = []
    nonsense = [(status(503, value),) for value in ("soon", "9" * 5000)]
    server.becomes((status(503, "0.1"),), *nonsense)
    download(remote, limits=QUICK)
    assert_complete(remote)
    remote.target.unlink()
    server.becomes((status(429, "1"),))
    download(remote, limits=replace(QUICK, longest_pause=1), tell=told.append)
    assert told == ["thing.bin: the server answers 429; trying again in 1 s"]
    remote.target.unlink()
    server.becomes((status(404),))
    with pytest.raises(UserError, match=r"the server answers 404 Not Found; copy .*, or try --mirror URL"):
        download(remote, limits=QUICK)
    assert len(server.requested) == 1


def test_a_server_that_asks_for_a_long_pause_is_not_waited_for(server: DownloadServer, remote: Remote) -> None:
    server.becomes(always=(status(503, "86400"),))
    with pytest.raises(UserError, match=r"answers 503 and asks to wait more than 0\.2 seconds: try again later; copy"):
        download(remote, limits=QUICK)
    assert len(server.requested) == 1


def test_redirections_are_followed_a_few_times(server: DownloadServer, remote: Remote) -> None:
    server.becomes((redirect("../b/thing.bin", bytes(100)),), (redirect(f"{server.address}/thing.bin"),))
    download(remote, limits=QUICK)
    assert_complete(remote)
    remote.target.unlink()
    server.becomes(always=(redirect("thing.bin"),))
    with pytest.raises(UserError, match="it redirects more than 3 times"):
        download(remote, limits=replace(QUICK, redirects=3))
    assert len(server.requested) == 4


@pytest.mark.parametrize("location", ["file:///etc/hostname", "ftp://x/y", "data:,x", "http://[::1"])
def test_a_redirection_to_nonsense_is_refused(server: DownloadServer, remote: Remote, location: str) -> None:
    server.becomes(always=(redirect(location),))
    with pytest.raises(UserError, match="redirects to what is not an address of an http or https server"):
        download(remote, limits=QUICK)


def test_a_missing_file_of_certificates_is_named(
    remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    with pytest.raises(UserError, match=r"thing\.bin: cannot be requested \(.*certificate.*missing\.pem\)"):
        download(replace(remote, url=remote.url.replace("http:", "https:")), limits=ONCE)


def test_the_login_page_of_a_network_does_not_replace_what_is_there(server: DownloadServer, remote: Remote) -> None:
    start_with(remote, CONTENT[:1000])
    server.becomes((web_page,))
    with pytest.raises(UserError, match="a web page instead of the file"):
        download(remote, limits=QUICK)
    assert remote.part.read_bytes() == CONTENT[:1000]


def test_a_compressed_body_is_decompressed_or_refused(server: DownloadServer, remote: Remote) -> None:
    server.becomes((compressed,))
    download(remote, limits=QUICK)
    assert_complete(remote)
    remote.target.unlink()
    server.becomes(always=(line("Content-Encoding", "gzip"),))
    with pytest.raises(UserError, match=r"is not the file of thing \(it is compressed, and damaged\)"):
        download(remote, limits=QUICK)


@pytest.mark.parametrize("plant", PLANTED.values(), ids=list(PLANTED))
@pytest.mark.parametrize("place", ["part", "target"])
def test_nothing_is_written_through_or_over_what_is_in_the_place(
    remote: Remote, tmp_path: Path, plant: Callable[[Path, Path], None], place: str
) -> None:
    path, mine = getattr(remote, place), tmp_path / "mine.txt"
    mine.write_bytes(b"mine")
    path.parent.mkdir()
    plant(path, mine)
    before = path.lstat()
    with pytest.raises(UserError, match=f"{path.name}: .*remove it"):
        download(remote, limits=QUICK)
    assert mine.read_bytes() == b"mine"
    assert not mine.with_name("missing").exists()
    assert path.lstat().st_ino == before.st_ino
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"mine", CONTENT])
def test_a_file_that_appears_meanwhile_is_not_overwritten(
    server: DownloadServer, remote: Remote, content: bytes
) -> None:
    server.becomes((cut(40_000),))
    expected = nullcontext() if content == CONTENT else pytest.raises(UserError, match="already exists and is not")
    with expected:
        download(remote, limits=QUICK, tell=lambda line: remote.target.write_bytes(content) and None)
    assert remote.target.read_bytes() == content
    assert remote.part.exists() == (content != CONTENT)


def test_a_link_to_the_right_file_is_used(server: DownloadServer, remote: Remote) -> None:
    remote.target.parent.mkdir()
    remote.target.symlink_to(server.folder / "thing.bin")
    download(remote)
    assert server.requested == []


def test_downloads_at_once_into_one_folder_wait_for_the_first(server: DownloadServer, remote: Remote) -> None:
    server.becomes((cut(40_000, stalls=True),))
    told: list[str] = []
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda _: download(remote, limits=IMPATIENT, tell=told.append), range(12)))
    assert_complete(remote)
    assert server.requested.count("") == 1
    assert "thing.bin: another process downloads it; waiting for that" in told


def test_waiting_for_another_process_ends(remote: Remote) -> None:
    start_with(remote, CONTENT[:1000])
    hold = "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); input()"
    holder = subprocess.Popen([sys.executable, "-c", hold, remote.part], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"  # type: ignore[union-attr]
    with pytest.raises(UserError, match=r"\.part: another process is writing to it"):
        download(remote, limits=replace(QUICK, total=0.3))
    holder.communicate(b"\n", timeout=60)
    download(remote, limits=QUICK)
    assert_complete(remote)


_MAIN = """
import signal, sys
from pathlib import Path
from facedet.weights.download import Remote, download
signal.signal(signal.SIGINT, signal.default_int_handler)
url, target, checksum = sys.argv[1:]
print("begins", flush=True)
download(Remote(url, Path(target), "sha384", checksum, "it", "", ""))
"""


def test_ctrl_c_leaves_what_can_be_resumed(server: DownloadServer, remote: Remote) -> None:
    server.becomes((cut(40_000, stalls=True),))
    command = [sys.executable, "-c", _MAIN, remote.url, remote.target, remote.checksum]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not (remote.part.exists() and remote.part.stat().st_size == 40_000):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert "KeyboardInterrupt" in process.communicate(timeout=60)[1]
    assert list(remote.target.parent.iterdir()) == [remote.part]
    download(remote, limits=QUICK)
    assert_complete(remote)
    assert server.requested == ["", "bytes=40000-"]


def test_a_full_disk_is_one_line_and_what_fits_is_kept(server: DownloadServer, remote: Remote) -> None:
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(UserError, match=r"\.part: cannot be read or written \(File too large\).* to resume"):
            download(remote, limits=QUICK)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert remote.part.read_bytes() == CONTENT[:100_000]
    download(remote, limits=QUICK)
    assert_complete(remote)
    assert server.requested == ["", "bytes=100000-"]
