"""The published files, downloaded so that only what is whole and right bears their names."""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

from facedet.core.common.errors import UserError
from facedet.core.common.progress import ByteProgress, Position, silent_bytes

PUBLISHED = Path(__file__).with_name("published.json")
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Patience:
    """pauses: seconds before each further try; one that brought bytes begins them anew. silence: seconds without a byte
    after which a try is given up."""

    pauses: tuple[float, ...] = (1, 2, 4, 8)
    silence: float = 30


@dataclass(frozen=True)
class Remote:
    """A published file: address, size in bytes, checksum."""

    url: str
    bytes: int
    algorithm: str
    checksum: str

    @property
    def name(self) -> str:
        return self.url.rsplit("/", 1)[1]


class _Broken(Exception):
    """A try that failed in a way in which the next may not."""


class _Wrong(Exception):
    """What arrived is not the published file."""


def names() -> list[str]:
    """What can be fetched."""
    return list(_published())


def fetch(
    name: str,
    folder: Path,
    *,
    mirror: str | None = None,
    patience: Patience | None = None,
    progress: ByteProgress = silent_bytes,
    tell: Callable[[str], None] = lambda line: None,
) -> list[Path]:
    """Download one of `names()` into `folder`; returns its files. Raises UserError.

    mirror: address that stands in for the publisher's. What a broken download brought stays beside as .part, and the
    next one goes on from there. A file that is there already is kept if it is the published one, and refused if not.
    tell: hears in a line why a try failed.
    """
    published = _published()
    if name not in published:
        raise UserError(f"{name}: not a published file; give one of {', '.join(published)}")
    entry = published[name]
    base = _checked(mirror or entry["base"]).rstrip("/")
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for each in entry["files"]:
        remote = Remote(f"{base}/{each['path']}", each["bytes"], entry["algorithm"], each["checksum"])
        target = folder / remote.name
        if target.exists() and not _is_right(target, remote):
            raise UserError(f"{target}: is there already and is not that of {name}; give another folder with -o")
        if not target.exists():
            _fetch_file(remote, target, patience or Patience(), progress, tell)
        paths.append(target)
    return paths


def _published() -> dict:
    return json.loads(PUBLISHED.read_text(encoding="utf-8"))


def _fetch_file(
    remote: Remote, target: Path, patience: Patience, progress: ByteProgress, tell: Callable[[str], None]
) -> None:
    part = target.with_name(f"{target.name}.{remote.checksum[:8]}.part")
    with requests.Session() as session, progress(target.name, remote.bytes) as at:
        at(_size(part))
        _try_again(session, remote, part, patience, at, tell)
    part.replace(target)


def _try_again(
    session: requests.Session,
    remote: Remote,
    part: Path,
    patience: Patience,
    at: Position,
    tell: Callable[[str], None],
) -> None:
    """Go on with `part` until it is the file; UserError once no pause and no second chance is left."""
    pauses, wrong, reached = list(patience.pauses), False, _size(part)
    while True:
        try:
            return _go_on(session, remote, part, patience.silence, at)
        except _Wrong as error:
            part.unlink(missing_ok=True)
            if wrong:
                raise UserError(
                    f"{_shown(remote.url)}: is not the published file ({error}); nothing of it was kept"
                ) from error
            wrong = True
            tell(f"{remote.name}: {error}; fetching it again from its beginning")
        except _Broken as error:
            if _size(part) > reached:  # further than ever: a server without ranges begins anew each time
                pauses, reached = list(patience.pauses), _size(part)
            if not pauses:
                raise UserError(
                    f"{_shown(remote.url)}: {error}, and again on every further try; {_size(part):,} of "
                    f"{remote.bytes:,} bytes are kept, and the same command goes on from there. Without a network, or "
                    f"behind a proxy (HTTPS_PROXY), bring the file from elsewhere as {part.with_name(remote.name)}"
                ) from error
            tell(f"{remote.name}: {error}; trying again in {pauses[0]:g} s")
            time.sleep(pauses.pop(0))


def _go_on(session: requests.Session, remote: Remote, part: Path, silence: float, at: Position) -> None:
    """One try: ask for what `part` lacks, add what comes, verify the whole."""
    have = _size(part)
    if have < remote.bytes:
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        try:
            with session.get(remote.url, headers=headers, stream=True, timeout=silence) as answer:
                have = _accept(answer, have, remote)
                with part.open("ab" if have else "wb") as file:
                    for chunk in answer.iter_content(_CHUNK):
                        file.write(chunk)
                        have += len(chunk)
                        at(have)
                        if have > remote.bytes:
                            raise _Wrong(f"it goes on after {remote.bytes:,} bytes")
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            raise _Broken(_reason(error, silence)) from error
        except (requests.RequestException, HTTPError) as error:  # redirections without end, what is no address
            raise UserError(f"{_shown(remote.url)}: cannot be asked for ({type(error).__name__})") from error
    if have < remote.bytes:
        raise _Broken("the connection ended early")
    if not _is_right(part, remote):
        raise _Wrong(f"its {remote.algorithm} is another")


def _accept(answer: requests.Response, have: int, remote: Remote) -> int:
    """How many of the bytes that we have the answer goes on from: all, or none where the server ignores ranges."""
    if answer.status_code == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
        return have
    if answer.status_code == 200:
        return 0
    if answer.status_code in (408, 425, 429) or answer.status_code >= 500:
        raise _Broken(f"the server answers {answer.status_code}")
    if answer.status_code in (206, 416):
        raise _Wrong("the server has no such range of it")
    raise UserError(f"{_shown(remote.url)}: the server answers {answer.status_code} {answer.reason}; try --mirror URL")


def _reason(error: requests.RequestException, silence: float) -> str:
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy (HTTPS_PROXY, NO_PROXY) does not let us through"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate cannot be verified"
    if isinstance(error, requests.Timeout) or any(isinstance(each, ReadTimeoutError) for each in error.args):
        return f"no byte came in {silence:g} seconds"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off"
    return "no connection"


def _is_right(path: Path, remote: Remote) -> bool:
    if _size(path) != remote.bytes:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, remote.algorithm).hexdigest() == remote.checksum


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _checked(address: str) -> str:
    try:
        parts = urlsplit(address)
        good = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        good = False
    if not good:
        raise UserError("--mirror: not the address of an http or https server")
    return address


def _shown(url: str) -> str:
    parts = urlsplit(url)  # a mirror's address may hold a password
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
