"""The cost of checks that compare each with each: images for near-duplicates, the boxes of one image.

    python bench/large_checks.py

Prints seconds and peak memory of each check, in a process of its own, and writes bench/results/large_checks.txt. The
fingerprints are drawn at random; decoding the images, which takes longer, is not part of it.
"""

import platform
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from helpers import prints

from facedet.data.inspect.boxes import check_boxes
from facedet.data.inspect.duplicates import DatasetImage, check_duplicates
from facedet.data.inspect.images import InspectedImage
from facedet.data.structures import Photo

BOXES = "boxes in one image"
FRAMES = {
    "frames of a video": prints.chain,
    "frames of one scene": prints.still,
    "unrelated images": prints.unrelated,
}
CASES = {**dict.fromkeys(FRAMES, (20_000, 60_000)), BOXES: (20_000,)}
_NONE = Photo(Path(), 0, 0, np.zeros((0, 4)), np.zeros(0, bool))


@click.command()
def main() -> None:
    lines = [f"{platform.machine()}: seconds and peak memory, MB (before the check)"]
    for name, counts in CASES.items():
        for count in counts:
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                figures = pool.submit(_measure, name, count).result()
            memory = f"{figures['memory_mb']:6.0f} ({figures['before_mb']:.0f})"
            lines.append(f"{count:7,} {name:20} {figures['seconds']:6.1f} s {memory}; {figures['found']} findings")
            click.echo(lines[-1])
    (Path(__file__).parent / "results" / "large_checks.txt").write_text("\n".join(lines) + "\n")


def _measure(name: str, count: int) -> dict[str, float]:
    check = _boxes(count) if name == BOXES else _images(FRAMES[name], count)
    before, start = _memory_mb(), time.perf_counter()
    found = check()
    seconds = time.perf_counter() - start
    return {"found": found, "seconds": seconds, "memory_mb": _memory_mb(), "before_mb": before}


def _images(draw: Callable[[np.random.Generator, int], list], count: int) -> Callable[[], int]:
    drawn = draw(np.random.default_rng(0), count)
    inspected = [InspectedImage(1, 1, digest=str(k), fingerprint=one) for k, one in enumerate(drawn)]
    images = [DatasetImage("set", _NONE, each) for each in inspected]
    return lambda: len(check_duplicates(images))


def _boxes(count: int) -> Callable[[], int]:
    """A crowd, with each hundredth box annotated twice."""
    corners = np.random.default_rng(0).uniform(0, 8000, (count, 2)).astype(np.float32)
    corners[::100] = corners[1::100]
    photo = Photo(Path(), 8192, 8192, np.hstack([corners, corners + 60]), np.zeros(count, bool))
    return lambda: sum(
        len(finding.boxes) for finding in check_boxes(photo, "set", 640)[0] if finding.kind == "repeated"
    )


def _memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
