"""Downloads from a server with random faults, into folders where anything may lie, by both callers.

The right answer is known: the published bytes under the final name, or one line and nothing else under that name. What
is the user's is unchanged, no download lasts longer than its limits, and the next one from an honest server succeeds.
"""

import hashlib
import json
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from threading import Thread

import pytest
from helpers.attack import Counts, random_of
from helpers.download_faults import KINDS
from helpers.download_server import DownloadServer
from helpers.planted import PLANTED

from facedet.common.errors import UserError
from facedet.common.progress import Position
from facedet.weights import fetch as fetch_module
from facedet.weights.fetch import fetch
from facedet.weights.imagenet import imagenet_file
from facedet.weights.transfer import Limits

SAMPLES = 200
CONTENT = Random(0).randbytes(300_000)
QUICK = Limits(
    pauses=(0.01, 0.02), longest_pause=0.2, stall=0.5, piece=1 << 14, total=8, largest=1_000_000, redirects=3
)
HANGS = 60  # seconds; far more than the limits allow
MINE = b"the user's own file"


@dataclass
class Caller:
    """One of the two that download. target: the file's path in a folder."""

    name: str
    target: Callable[[Path], Path]
    start: Callable[..., object]


@dataclass
class Sample:
    """A server, a folder and a user.

    part, target: what lies in these places. kinds: of the faults of each request. forever: those of the last request
    stay. times: calls at once. stop: bytes after which the user presses Ctrl-C. disk: bytes that a file can have.
    """

    part: str
    target: str
    kinds: list[list[str]]
    forever: bool
    times: int
    stop: int | None
    disk: int | None
    seed: int

    @property
    def must_succeed(self) -> bool:
        harmless = self.part in _HARMLESS and self.target in ("", "right file")
        return harmless and not self.kinds and self.stop is None and self.disk is None


def draw(rng: Random) -> Sample:
    return Sample(
        part=rng.choice([*PLANTED, *_CONTENTS]) if rng.random() < 0.4 else "",
        target=rng.choice([*PLANTED, *_CONTENTS]) if rng.random() < 0.15 else "",
        kinds=[rng.sample(list(KINDS), rng.choice([1, 1, 2, 3])) for _ in range(rng.choice([0, 1, 1, 2, 3]))],
        forever=rng.random() < 0.3,
        times=rng.choice([1, 1, 1, 3, 12]),
        stop=rng.randrange(300_000) if rng.random() < 0.1 else None,
        disk=rng.randrange(300_000) if rng.random() < 0.1 else None,
        seed=rng.randrange(1 << 30),
    )


@pytest.fixture
def callers(torchvision_server: DownloadServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Caller]:
    digest = hashlib.sha256(CONTENT).hexdigest()
    name = f"resnet18-{digest[:8]}.pth"
    (torchvision_server.folder / name).write_bytes(CONTENT)
    entry = {"path": f"a/{name}", "bytes": len(CONTENT), "checksum": digest}
    published = {"thing": {"base": "http://nowhere.invalid/", "algorithm": "sha256", "files": [entry]}}
    (tmp_path / "published.json").write_text(json.dumps(published))
    monkeypatch.setattr(fetch_module, "PUBLISHED", tmp_path / "published.json")

    def start_fetch(folder: Path, **options: object) -> None:
        fetch("thing", folder, mirror=torchvision_server.address, limits=QUICK, **options)  # type: ignore[arg-type]

    def start_imagenet(folder: Path, **options: object) -> None:
        os.environ["TORCH_HOME"] = str(folder)  # the fixture puts it back
        imagenet_file("resnet18", limits=QUICK, **options)  # type: ignore[arg-type]

    return [
        Caller("fetch", lambda folder: folder / name, start_fetch),
        Caller("ImageNet", lambda folder: folder / "hub" / "checkpoints" / name, start_imagenet),
    ]


def part_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.{hashlib.sha256(CONTENT).hexdigest()[:8]}.part")


_CONTENTS: dict[str, Callable[[Random], bytes]] = {
    "junk": lambda rng: rng.randbytes(rng.choice([0, 1, 5000, 300_000, 400_000])),
    "beginning": lambda rng: CONTENT[: rng.randrange(300_000)],
    "right file": lambda rng: CONTENT,
}
_HARMLESS = ("", "junk", "beginning", "right file")  # as .part


def interrupting(at: int) -> Callable[..., object]:
    """A progress bar during which someone presses Ctrl-C."""

    @contextmanager
    def bar(name: str, size: int | None) -> Iterator[Position]:
        def position(received: int) -> None:
            if received >= at:
                raise KeyboardInterrupt

        yield position

    return bar


@contextmanager
def full_disk(size: int | None) -> Iterator[None]:
    """Files can have at most so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft if size is None else size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def at_once(start: Callable[[], object], times: int) -> list[BaseException | None]:
    """How each of several calls ended. Raises AssertionError if one hangs."""
    ends: list[BaseException | None] = []

    def run() -> None:
        try:
            start()
            ends.append(None)
        except BaseException as error:  # judged by the caller
            ends.append(error)

    threads = [Thread(target=run, daemon=True) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANGS)
    assert len(ends) == times, f"{times - len(ends)} of {times} hang"
    return ends


def state_of(path: Path) -> tuple[int, int, bytes] | None:
    """What lies at a path, without following a link or opening a pipe."""
    if not os.path.lexists(path):
        return None
    found = path.lstat()
    return found.st_ino, found.st_mode, path.read_bytes() if path.is_file() else b""


def is_right(path: Path) -> bool:
    return path.read_bytes() == CONTENT  # a difference that pytest explains takes minutes


def attack(caller: Caller, server: DownloadServer, folder: Path, sample: Sample) -> None:
    """Raises what the download raised, or AssertionError if something is wrong."""
    rng, target, mine = Random(sample.seed), caller.target(folder), folder.with_name("mine.bin")
    part = part_of(target)
    target.parent.mkdir(parents=True)
    mine.write_bytes(MINE)
    for kind, path in ((sample.part, part), (sample.target, target)):
        if kind in PLANTED:
            PLANTED[kind](path, mine)
        elif kind:
            path.write_bytes(_CONTENTS[kind](rng))
    planted = state_of(target)
    rounds = [tuple(KINDS[kind](rng) for kind in kinds) for kinds in sample.kinds]
    server.becomes(*rounds, always=rounds[-1] if rounds and sample.forever else ())
    options = {} if sample.stop is None else {"progress": interrupting(sample.stop)}
    with full_disk(sample.disk):
        ends = at_once(lambda: caller.start(folder, **options), sample.times)
    assert mine.read_bytes() == MINE
    assert not mine.with_name("missing").exists()
    assert set(target.parent.iterdir()) <= {target, part}
    if planted or (any(ends) and not target.exists()):
        assert state_of(target) == planted
    else:
        assert is_right(target), f"{target.name} is not the published file"
    clear(part, only_special=True)
    clear(target, only_special=False)
    server.becomes()
    caller.start(folder)
    assert is_right(target), f"{target.name} is not the published file"
    assert sample.target == "right file" or list(target.parent.iterdir()) == [target]
    judge(ends, sample)


def clear(path: Path, only_special: bool) -> None:
    """Do what the messages ask: remove what is not a plain file; in the place of the target, any wrong file."""
    special = path.is_symlink() or not path.is_file() or path.stat().st_nlink > 1
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    elif os.path.lexists(path) and (special or (not only_special and path.read_bytes() != CONTENT)):
        path.unlink()


def judge(ends: list[BaseException | None], sample: Sample) -> None:
    """Raise one of the errors of the calls: a bug first, then a refusal."""
    errors = [error for error in ends if error and not isinstance(error, KeyboardInterrupt)]
    for error in sorted(errors, key=lambda error: isinstance(error, UserError)):
        raise error
    assert not sample.must_succeed or not any(ends)


def test_downloads(
    share: float, counts: Counts, callers: list[Caller], torchvision_server: DownloadServer, tmp_path: Path
) -> None:
    rng = random_of(18)
    for k in range(max(2, round(SAMPLES * share))):
        caller, folder, sample = callers[k % 2], tmp_path / f"sample-{k}" / "out", draw(rng)
        with counts.sample(f"{k}: {caller.name}, {sample}"):
            attack(caller, torchvision_server, folder, sample)
        shutil.rmtree(folder.parent)
