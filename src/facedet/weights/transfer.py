"""One attempt to get the bytes of a file from a server. Every wait and every number of steps is bounded."""

import re
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.client import responses
from time import monotonic
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import DecodeError, HTTPError, InvalidHeader, LocationValueError, ReadTimeoutError
from urllib3.util import Retry

from facedet.common.errors import first_line
from facedet.common.patience import within_time


@dataclass(frozen=True)
class Limits:
    """Bounds of a download, in seconds and bytes.

    pauses: before each retry; they start again after an attempt that received `piece` new bytes. longest_pause: that a
    server may ask for. stall: for each `piece`, the connection included. total: for a file with all retries, and
    for waiting until another process has it. largest: a file of unknown size.
    """

    pauses: tuple[float, ...] = (1, 2, 4, 8)
    longest_pause: float = 60
    stall: float = 30
    piece: int = 1 << 16
    total: float = 6 * 3600
    largest: int = 1 << 30
    redirects: int = 10


class AttemptFailed(Exception):
    """An attempt failed, but the next one may succeed. pause: seconds to wait before it, as the server asks."""

    def __init__(self, reason: str, pause: float = 0):
        super().__init__(reason)
        self.pause = pause


class WrongContent(Exception):
    """The received bytes are not those of the file."""


class Refused(Exception):
    """This address does not give the file, however often it is asked."""


class _Pace:
    """How long the current piece may still take."""

    def __init__(self, limits: Limits):
        self.limits, self.since, self.received = limits, monotonic(), 0

    def count(self, received: int) -> None:
        self.received += received
        if self.received >= self.limits.piece:
            self.since, self.received = monotonic(), 0

    def seconds_left(self) -> float:
        return self.since + self.limits.stall - monotonic()


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Follow no redirect: requests would read the body of its response, however long. See `_pieces`."""


def receive(url: str, start: int, limits: Limits) -> Generator[tuple[int, bytes]]:
    """Yield pieces of the file and their positions: from `start` on, or from 0 on if the server ignores ranges.

    Raises AttemptFailed, WrongContent or Refused.
    """
    pace = _Pace(limits)
    try:
        for position, data in within_time(_pieces(url, start, limits), pace.seconds_left):
            yield position, data
            pace.count(len(data))
    except (TimeoutError, requests.Timeout, ReadTimeoutError) as error:
        got = f"only {pace.received:,} bytes" if pace.received else "no data"
        raise AttemptFailed(f"{got} for {limits.stall:g} seconds") from error
    except DecodeError as error:
        raise WrongContent("it is compressed, and damaged") from error
    except (LocationValueError, UnicodeError) as error:
        raise Refused("it redirects to an invalid address") from error
    except (requests.ConnectionError, HTTPError) as error:
        raise AttemptFailed(_reason(error)) from error
    except requests.RequestException as error:  # invalid addresses and headers
        raise Refused(f"cannot be requested ({type(error).__name__})") from error
    except OSError as error:  # REQUESTS_CA_BUNDLE names a file that does not exist
        raise Refused(f"cannot be requested ({first_line(error)})") from error


def _pieces(url: str, start: int, limits: Limits) -> Iterator[tuple[int, bytes]]:
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    with _Session() as session:
        for _ in range(limits.redirects + 1):
            with session.get(url, headers=headers, stream=True, timeout=limits.stall) as response:
                if response.is_redirect:
                    url = _redirected(url, response.headers["Location"])
                    continue
                position = _position(response, start)
                while data := response.raw.read1(limits.piece, decode_content=True):
                    yield position, data
                    position += len(data)
                return
    raise Refused(f"it redirects more than {limits.redirects} times")


def _redirected(url: str, location: str) -> str:
    try:
        found = urljoin(url, location)
        valid = is_web_address(found)
    except ValueError:
        valid = False
    if not valid:
        raise Refused("it redirects to what is not an address of an http or https server")
    return found


def is_web_address(url: str) -> bool:
    """Whether it names an http or https server."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def _position(response: requests.Response, start: int) -> int:
    """The position of the response's first byte: `start` as requested, or 0 if the server ignores ranges."""
    code = response.status_code
    if code in (200, 206) and response.headers.get("Content-Type", "").lower().startswith("text/html"):
        raise Refused("the server sends a web page instead of the file (a login page of the network?)")
    if code == 200:
        return 0
    if code == 206 and re.match(rf"bytes {start}-", response.headers.get("Content-Range", "")):
        return start
    if code in (206, 416):
        raise WrongContent("the server does not have the requested range")
    if code in (408, 425, 429) or code >= 500:
        raise AttemptFailed(f"the server answers {code}", _retry_after(response))
    raise Refused(f"the server answers {code} {responses.get(code, '')}".rstrip())


def _retry_after(response: requests.Response) -> float:
    with suppress(InvalidHeader, ValueError, OverflowError):  # what cannot be understood asks for nothing
        return Retry().get_retry_after(response.raw) or 0
    return 0


def _reason(error: Exception) -> str:
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy (HTTPS_PROXY, NO_PROXY) refuses the connection"
    if isinstance(error, requests.exceptions.SSLError):
        return "the server's certificate cannot be verified"
    if isinstance(error, requests.ConnectionError):
        return "no connection (behind a proxy, set HTTPS_PROXY)"
    return "the connection was interrupted"
