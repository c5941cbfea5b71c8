"""A server on loopback that fails like real servers and networks, for the tests of downloads."""

import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Faults:
    """What the server does wrong.

    cut: number of bytes after which it closes the connection (`cuts` times) or stops sending (`stalls` times). wrong:
    number of responses with a changed byte. statuses: sent instead of a response, one for each request.
    """

    cut: int = 0
    cuts: int = 0
    stalls: int = 0
    wrong: int = 0
    ranges: bool = True
    longer: bool = False
    uneven: bool = False  # every second cut comes earlier
    statuses: list[int] = field(default_factory=list)
    requested: list[str] = field(default_factory=list)  # the Range header of each request


class DownloadServer(ThreadingHTTPServer):
    """Serves `content` at any address that ends in /a/thing.bin. stall: seconds for which it stops sending."""

    daemon_threads = True

    def __init__(self, content: bytes, stall: float):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content, self.stall, self.faults = content, stall, Faults()


class _Handler(BaseHTTPRequestHandler):
    server: DownloadServer

    def do_GET(self) -> None:
        faults, content = self.server.faults, self.server.content
        faults.requested.append(self.headers.get("Range", ""))
        if not self.path.endswith("/a/thing.bin"):
            faults.statuses.append(404)
        if faults.statuses:
            self.send_error(faults.statuses.pop(0))
            return
        start = int(self.headers["Range"][6:].rstrip("-")) if faults.ranges and "Range" in self.headers else 0
        body = bytearray(content[start:]) + (b"more" if faults.longer else b"")
        if faults.wrong:
            faults.wrong -= 1
            body[-1] ^= 1
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        broken = faults.cuts > 0 or faults.stalls > 0
        cut = faults.cut // 2 if faults.uneven and faults.cuts % 2 else faults.cut
        self.wfile.write(body[:cut] if broken else body)
        if faults.stalls:
            faults.stalls -= 1
            time.sleep(self.server.stall)
        elif faults.cuts:
            faults.cuts -= 1

    def log_message(self, *args: object) -> None:
        pass
