"""Small images, labels and zips of them."""

import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from facedet.data.storage import files_in

LABEL = b"0 0.5 0.5 0.5 0.5\n"
PIXELS = np.random.default_rng(0).integers(0, 256, (8, 12, 3)).astype(np.uint8)


def image(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(PIXELS).save(path)
    return path


def zip_of(path: Path, **files: str | bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def names(folder: Path, **options: bool) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in files_in(folder, **options)]
