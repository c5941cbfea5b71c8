"""Download the published files. A file gets its final name only when it is complete and its checksum is correct."""

import hashlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

from facedet.common.errors import UserError
from facedet.common.progress import ByteProgress, Position, Tell, silent_bytes, tell_nobody

PUBLISHED = Path(__file__).with_name("published.json")
_CHUNK = 1 << 16


@dataclass(frozen=True)
class RetryPolicy:
    """pauses: seconds before each retry; they start again after an attempt that received new bytes.

    timeout: seconds without a byte after which an attempt ends.
    """

    pauses: tuple[float, ...] = (1, 2, 4, 8)
    timeout: float = 30


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


class _AttemptFailed(Exception):
    """An attempt failed, but the next one may succeed."""


class _WrongContent(Exception):
    """The received bytes are not the published file."""


def names() -> list[str]:
    """The names of the published models, as `fetch` takes them."""
    return list(_published())


def fetch(
    name: str,
    folder: Path,
    *,
    mirror: str | None = None,
    retries: RetryPolicy | None = None,
    progress: ByteProgress = silent_bytes,
    tell: Tell = tell_nobody,
    overwrite: bool = False,
) -> list[Path]:
    """Download one of `names()` into `folder`. Returns the paths of its files. Raises UserError.

    mirror: address to use instead of the publisher's. tell: called with a line for each failed attempt. An interrupted
    download is kept as a .part file and resumed by the next call. A file that already exists is kept if it is the
    published one; if not, it is replaced with `overwrite`, or else UserError is raised.
    """
    published = _published()
    if name not in published:
        raise UserError(f"{name}: not a published file; give one of {', '.join(published)}")
    entry = published[name]
    base = _checked(mirror or entry["base"]).rstrip("/")
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for file in entry["files"]:
        remote = Remote(f"{base}/{file['path']}", file["bytes"], entry["algorithm"], file["checksum"])
        target = folder / remote.name
        there = target.exists() and _is_published(target, remote)
        if os.path.lexists(target) and not there and not overwrite:
            raise UserError(f"{target}: already exists and is not the file of {name}; choose another folder with -o")
        if not there:
            _fetch_file(remote, target, retries or RetryPolicy(), progress, tell)
        paths.append(target)
    return paths


def _published() -> dict:
    return json.loads(PUBLISHED.read_text(encoding="utf-8"))


def _fetch_file(remote: Remote, target: Path, retries: RetryPolicy, progress: ByteProgress, tell: Tell) -> None:
    part = target.with_name(f"{target.name}.{remote.checksum[:8]}.part")
    with requests.Session() as session, progress(target.name, remote.bytes) as position:
        position(_size(part))
        _download(session, remote, part, retries, position, tell)
    part.replace(target)


def _download(
    session: requests.Session,
    remote: Remote,
    part: Path,
    retries: RetryPolicy,
    position: Position,
    tell: Tell,
) -> None:
    """Complete `part`, with retries. Wrong content is downloaded a second time. Raises UserError."""
    pauses, was_wrong, largest = list(retries.pauses), False, _size(part)
    while True:
        try:
            return _attempt(session, remote, part, retries.timeout, position)
        except _WrongContent as error:
            part.unlink(missing_ok=True)
            if was_wrong:
                raise UserError(
                    f"{_shown(remote.url)}: is not the published file ({error}); nothing is kept"
                ) from error
            was_wrong = True
            tell(f"{remote.name}: {error}; downloading it again from the start")
        except _AttemptFailed as error:
            if _size(part) > largest:  # a server without ranges starts from zero each time, which is no progress
                pauses, largest = list(retries.pauses), _size(part)
            if not pauses:
                raise UserError(
                    f"{_shown(remote.url)}: {error}, in every retry too; {_size(part):,} of {remote.bytes:,} bytes "
                    "are kept: run the same command again to resume, or, without a network or behind a proxy "
                    f"(HTTPS_PROXY), copy the file from elsewhere to {part.with_name(remote.name)}"
                ) from error
            tell(f"{remote.name}: {error}; trying again in {pauses[0]:g} s")
            time.sleep(pauses.pop(0))


def _attempt(session: requests.Session, remote: Remote, part: Path, timeout: float, position: Position) -> None:
    """Request the missing bytes of `part`, append them, verify the complete file."""
    size = _size(part)
    if size < remote.bytes:
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={size}-"} if size else {})
        try:
            with session.get(remote.url, headers=headers, stream=True, timeout=timeout) as response:
                size = _start(response, size, remote)
                with part.open("ab" if size else "wb") as file:
                    for chunk in response.iter_content(_CHUNK):
                        file.write(chunk)
                        size += len(chunk)
                        position(size)
                        if size > remote.bytes:
                            raise _WrongContent(f"it has more than {remote.bytes:,} bytes")
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            raise _AttemptFailed(_reason(error, timeout)) from error
        except (requests.RequestException, HTTPError) as error:  # endless redirections, invalid addresses
            raise UserError(f"{_shown(remote.url)}: cannot be requested ({type(error).__name__})") from error
    if size < remote.bytes:
        raise _AttemptFailed("the connection ended early")
    if not _is_published(part, remote):
        raise _WrongContent(f"its {remote.algorithm} is different")


def _start(response: requests.Response, size: int, remote: Remote) -> int:
    """The position of the response's first byte: `size` as requested, or 0 if the server ignores ranges."""
    if response.status_code == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {size}-"):
        return size
    if response.status_code == 200:
        return 0
    if response.status_code in (408, 425, 429) or response.status_code >= 500:
        raise _AttemptFailed(f"the server answers {response.status_code}")
    if response.status_code in (206, 416):
        raise _WrongContent("the server does not have the requested range")
    answer = f"{response.status_code} {response.reason}"
    raise UserError(f"{_shown(remote.url)}: the server answers {answer}; try --mirror URL")


def _reason(error: requests.RequestException, timeout: float) -> str:
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy (HTTPS_PROXY, NO_PROXY) refuses the connection"
    if isinstance(error, requests.exceptions.SSLError):
        return "the server's certificate cannot be verified"
    if isinstance(error, requests.Timeout) or any(isinstance(cause, ReadTimeoutError) for cause in error.args):
        return f"no data for {timeout:g} seconds"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection was interrupted"
    return "no connection"


def _is_published(path: Path, remote: Remote) -> bool:
    if _size(path) != remote.bytes:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, remote.algorithm).hexdigest() == remote.checksum


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _checked(address: str) -> str:
    try:
        parts = urlsplit(address)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        valid = False
    if not valid:
        raise UserError("--mirror: not the address of an http or https server")  # without the address: see _shown
    return address


def _shown(url: str) -> str:
    parts = urlsplit(url)  # the address of a mirror may contain a password
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
