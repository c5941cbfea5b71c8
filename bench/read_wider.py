"""The cost of reading a dataset of WIDER FACE's size: seconds and peak memory.

    python bench/read_wider.py

Writes 12,880 small images and an annotation file with 393,703 faces into a temporary folder, reads them with
`read_dataset` in a separate process and writes bench/results/read_wider.txt.
"""

import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from io import BytesIO
from pathlib import Path

import click
import numpy as np
from PIL import Image

IMAGES, FACES, EVENTS = 12880, 393703, 61
_SIDE = 64  # pixels: width and height of an image


@click.command()
@click.argument("text", type=click.Path(path_type=Path), required=False)
def main(text: Path | None) -> None:
    if text:
        click.echo(json.dumps(_read(text)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        text = _make(Path(scratch))
        command = [sys.executable, __file__, str(text)]
        figures = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    line = (
        f"{figures['images']:,} images, {figures['faces']:,} faces ({platform.machine()}): "
        f"{figures['seconds']:.1f} s, {figures['left_out']} left out, peak memory {figures['memory_mb']:.0f} MB, "
        f"{figures['memory_before_mb']:.0f} MB of it before reading\n"
    )
    (Path(__file__).parent / "results" / "read_wider.txt").write_text(line)
    click.echo(line, nl=False)


def _make(folder: Path) -> Path:
    """Write a dataset with the folders of the official archives. Returns the path of the annotation file."""
    rng = np.random.default_rng(0)
    jpeg = BytesIO()
    Image.new("RGB", (_SIDE, _SIDE), (90, 120, 200)).save(jpeg, format="JPEG")
    counts = np.bincount(rng.integers(0, IMAGES, FACES), minlength=IMAGES)
    lines = []
    for k, count in enumerate(counts):
        name = f"{k % EVENTS}--Event/{k % EVENTS}_Event_{k}.jpg"
        image = folder / "WIDER_train" / "images" / name
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(jpeg.getvalue())
        boxes = rng.integers(1, _SIDE // 2, (count, 4))
        lines += [name, str(count), *(f"{x} {y} {w} {h} 0 0 0 {x % 9 == 0:d} 0 0 " for x, y, w, h in boxes)]
        lines += ["0 0 0 0 0 0 0 0 0 0 "] if count == 0 else []
    text = folder / "wider_face_split" / "wider_face_train_bbx_gt.txt"
    text.parent.mkdir()
    text.write_text("\n".join(lines) + "\n")
    return text


def _read(text: Path) -> dict[str, float]:
    from facedet.data.dataset import DatasetSource, read_dataset

    before, start = _memory_mb(), time.perf_counter()
    faces = read_dataset(DatasetSource(text))
    seconds = time.perf_counter() - start
    return {
        "images": len(faces.photos),
        "faces": sum(len(photo.boxes) for photo in faces.photos),
        "left_out": len(faces.skipped),
        "seconds": seconds,
        "memory_mb": _memory_mb(),
        "memory_before_mb": before,
    }


def _memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
