"""A server on loopback in place of torchvision's, for tests of ImageNet weights."""

import hashlib
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import torch


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve the files of a folder; gives the server's address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def serve(folder: Path, name: str, state: dict[str, torch.Tensor], damaged: bool = False) -> None:
    """Put weights into the folder under a name like torchvision's, with the first digits of their SHA-256."""
    written = io.BytesIO()
    torch.save(state, written)
    content = written.getvalue()
    digest = hashlib.sha256(content).hexdigest()
    (folder / f"{name}-{digest[:8]}.pth").write_bytes(content[:-1] + b"!" if damaged else content)
