"""A server on loopback that fails like real and hostile servers and networks."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

from helpers.download_faults import Answer, Fault

STALL = 60  # seconds; the tests' limits are far below
PACE = 0.05  # seconds from byte to byte of a slow server


class DownloadServer(ThreadingHTTPServer):
    """Serves the files of a folder, at any address that ends in the name of one.

    faults: those of each request in turn; then `always`. requested: the Range of each request.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, folder: Path):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder, self.stopped = folder, Event()
        self.faults: list[tuple[Fault, ...]] = []
        self.always: tuple[Fault, ...] = ()
        self.requested: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def becomes(self, *faults: tuple[Fault, ...], always: tuple[Fault, ...] = ()) -> None:
        """Fail in another way from now on."""
        self.faults, self.always, self.requested = list(faults), always, []


class _Handler(BaseHTTPRequestHandler):
    server: DownloadServer

    def do_GET(self) -> None:
        requested = self.headers.get("Range", "")
        self.server.requested.append(requested)
        answer = self._honest(int(requested[6:].rstrip("-") or 0))
        for fault in self.server.faults.pop(0) if self.server.faults else self.server.always:
            fault(answer)
        with suppress(OSError):  # the client is gone
            self._send(answer.head(), slowly=answer.slow == "head")
            self._send(answer.sent(), slowly=answer.slow == "body")
            if answer.stalls:
                self.server.stopped.wait(STALL)

    def _honest(self, start: int) -> Answer:
        path = self.server.folder / self.path.split("?")[0].rsplit("/", 1)[-1]
        if not path.is_file():
            return Answer(b"", status=404)
        content = path.read_bytes()
        if start >= len(content):
            return Answer(content, status=416)
        return Answer(content, start, 206 if start else 200, content[start:])

    def _send(self, data: bytes, slowly: bool) -> None:
        if not slowly:
            self.wfile.write(data)
            return
        for byte in data:
            self.wfile.write(bytes([byte]))
            if self.server.stopped.wait(PACE):
                return

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def serving(folder: Path) -> Iterator[DownloadServer]:
    """Serve the files of a folder."""
    with DownloadServer(folder) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.stopped.set()
        server.shutdown()
