"""What servers and networks do wrong: changes of an answer, which can be combined."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import responses
from random import Random


@dataclass
class Answer:
    """What the server is about to send. A fault changes it.

    start: the requested position. cut: bytes of the body after which the server closes the connection or, with stalls,
    goes silent. slow: "", "head" or "body", which is sent byte by byte. lines: further lines of the header, or other
    values of those that an honest server sends; None leaves one out.
    """

    content: bytes
    start: int = 0
    status: int = 200
    body: bytes = b""
    lines: dict[str, str | None] = field(default_factory=dict)
    cut: int | None = None
    stalls: bool = False
    slow: str = ""
    chunked: bool = False

    def head(self) -> bytes:
        lines: dict[str, str | None] = {
            "Content-Type": "application/octet-stream",
            "Content-Length": None if self.chunked else str(len(self.body)),
            "Transfer-Encoding": "chunked" if self.chunked else None,
            "Content-Range": f"bytes {self.start}-{len(self.content) - 1}/{len(self.content)}" if self.start else None,
            "Connection": "close",
        } | self.lines
        head = [f"HTTP/1.1 {self.status} {responses.get(self.status, '')}"]
        head += [f"{name}: {value}" for name, value in lines.items() if value is not None]
        return "\r\n".join([*head, "", ""]).encode("latin-1")

    def sent(self) -> bytes:
        body = self.body
        if self.chunked:
            parts = [body[k : k + 5000] for k in range(0, len(body), 5000)] + [b""]
            body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
        return body[: self.cut]


Fault = Callable[[Answer], None]


def cut(size: int, stalls: bool = False) -> Fault:
    """The connection is closed, or goes silent, after some bytes."""

    def fault(answer: Answer) -> None:
        answer.cut, answer.stalls = size, stalls

    return fault


def slow(what: str) -> Fault:
    """The head or the body comes byte by byte."""

    def fault(answer: Answer) -> None:
        answer.slow = what

    return fault


def status(code: int, retry_after: str | None = None) -> Fault:
    """Another status than 200, with a page."""

    def fault(answer: Answer) -> None:
        answer.status, answer.body = code, b"<html>sorry</html>"
        answer.lines |= {"Retry-After": retry_after, "Content-Range": None, "Content-Type": "text/html"}

    return fault


def redirect(location: str, body: bytes = b"") -> Fault:
    """A redirection to an address."""

    def fault(answer: Answer) -> None:
        answer.status, answer.body = 302, body
        answer.lines |= {"Location": location}

    return fault


def line(name: str, value: str | None) -> Fault:
    """A wrong line of the header, or one that is missing."""

    def fault(answer: Answer) -> None:
        answer.lines[name] = value

    return fault


def wrong_byte(answer: Answer) -> None:
    """The last byte is changed."""
    answer.body = answer.body[:-1] + bytes([answer.body[-1] ^ 1]) if answer.body else b"?"


def longer(answer: Answer) -> None:
    """The file has more bytes than the published one."""
    answer.body += b"more"


def shorter(answer: Answer) -> None:
    """The file ends early, and its declared length too."""
    answer.body = answer.body[: len(answer.body) // 2]


def no_ranges(answer: Answer) -> None:
    """The server sends everything, whatever was requested."""
    answer.start, answer.status, answer.body = 0, 200, answer.content


def other_range(answer: Answer) -> None:
    """The server sends another range than the requested one."""
    answer.lines["Content-Range"] = f"bytes {answer.start + 7}-{len(answer.content) - 1}/{len(answer.content)}"
    answer.status = 206


def shifted(answer: Answer) -> None:
    """The server says that it sends the requested range, and sends another."""
    answer.body = answer.content[answer.start // 2 :][: len(answer.body)]


def web_page(answer: Answer) -> None:
    """A page, such as the login page of a network, comes instead of the file."""
    answer.status, answer.body = 200, b"<html>please log in</html>"
    answer.lines |= {"Content-Type": "text/html; charset=utf-8", "Content-Range": None}


def compressed(answer: Answer) -> None:
    """The body is compressed, although nobody asked."""
    answer.body = gzip.compress(answer.body, mtime=0)
    answer.lines["Content-Encoding"] = "gzip"


def bomb(answer: Answer) -> None:
    """A small body that becomes a large one."""
    answer.body = gzip.compress(bytes(1 << 26), mtime=0)
    answer.lines["Content-Encoding"] = "gzip"


def not_compressed(answer: Answer) -> None:
    """The body is said to be compressed, and is not."""
    answer.lines["Content-Encoding"] = "gzip"


def chunked(answer: Answer) -> None:
    """The length is not declared: the body comes in chunks."""
    answer.chunked = True


_ADDRESSES = [
    *("file:///etc/hostname", "ftp://x/y", "data:,x", "http://[::1", "//", "", "\x07", "?again", "/moved/elsewhere"),
    *("http://nowhere.invalid/x", "http://127.0.0.1:9/x", "http://" + "a" * 70 + ".b/"),
]
_DATES = ["Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "Mon, 99 Foo 0000 00:00:00 GMT"]
_PAUSES = [None, "0", "0.1", "-5", "soon", "9" * 5000, "86400", *_DATES]
_CHANGES = [wrong_byte, longer, shorter, no_ranges, other_range, shifted, web_page]
_CODINGS = [compressed, bomb, not_compressed, chunked]

KINDS: dict[str, Callable[[Random], Fault]] = {
    "cut": lambda rng: cut(rng.randrange(400_000)),
    "stall": lambda rng: cut(rng.randrange(400_000), stalls=True),
    "stall at once": lambda rng: cut(0, stalls=True),
    "slow head": lambda rng: slow("head"),
    "slow body": lambda rng: slow("body"),
    "status": lambda rng: status(rng.choice([204, 301, 304, 400, 403, 404, 408, 410, 416, 418, 500, 502, 599])),
    "busy": lambda rng: status(rng.choice([429, 503]), rng.choice(_PAUSES)),
    "redirect": lambda rng: redirect(rng.choice(_ADDRESSES), bytes(rng.choice([0, 1000, 1 << 24]))),
    "wrong length": lambda rng: line("Content-Length", rng.choice(["0", "7", "999999999", "-1", "many", "1, 2"])),
    "no length": lambda rng: line("Content-Length", None),
    "long line": lambda rng: line("X-Long", "x" * rng.choice([1000, 70_000])),
    "wrong range": lambda rng: line("Content-Range", rng.choice(["bytes */*", "bytes 5-1/2", "lines 1-2/3", "", "x"])),
    "wrong type": lambda rng: line("Content-Type", rng.choice(["text/html", "", "image/png"])),
    "wrong coding": lambda rng: line("Content-Encoding", rng.choice(["br", "deflate", "zstd", "gzip, gzip", "x"])),
    "changed": lambda rng: rng.choice(_CHANGES),
    "coded": lambda rng: rng.choice(_CODINGS),
}  # each makes one fault
