"""Files like torchvision's, for tests of ImageNet weights."""

import hashlib
import io
from pathlib import Path

import torch


def put(folder: Path, name: str, state: dict[str, torch.Tensor]) -> None:
    """Write weights under a name like torchvision's, with the first digits of their SHA-256."""
    written = io.BytesIO()
    torch.save(state, written)
    content = written.getvalue()
    (folder / f"{name}-{hashlib.sha256(content).hexdigest()[:8]}.pth").write_bytes(content)
