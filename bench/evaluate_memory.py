"""How much memory does `evaluate` take for many images? Peak of a process of its own for each number of images.

    python bench/evaluate_memory.py 1000 20000 50000

Every image has 12 drawn faces and 750 detections, the most that the network gives. The rows take the way of a model's:
`predict`, every metric, the lists of errors, and the report. OpenVINO and the network come on top.
"""

import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import numpy as np

from facedet.common.machine import peak_memory_mb
from facedet.data.image import write_png
from facedet.data.photos import Photos
from facedet.data.structures import Photo
from facedet.evaluation.evaluate import METRICS, evaluate_detections
from facedet.evaluation.evaluation_report import write_evaluation
from facedet.evaluation.metrics.wider import SETTINGS, WiderTruth
from facedet.inference.predict import predict

_SIZE, _FACES, _ROWS = 640, 12, 750


def drawn_photos(count: int) -> Photos:
    return Photos(
        Photo(Path(f"event/{k}.jpg"), _SIZE, _SIZE, faces(k), np.random.default_rng(k).random(_FACES) < 0.1)
        for k in range(count)
    )


def faces(k: int) -> np.ndarray:
    rng = np.random.default_rng(k)
    corner, side = rng.uniform(0, 500, (_FACES, 2)), rng.uniform(8, 140, (_FACES, 1))
    return np.hstack([corner, corner + side]).astype(np.float32)


def rows(k: int) -> np.ndarray:
    """What a model returns for the k-th image: a tenth of the boxes near the faces, the best first."""
    rng = np.random.default_rng((k, 1))
    near = faces(k)[rng.integers(0, _FACES, _ROWS)] + rng.normal(0, 4, (_ROWS, 4))
    corner = rng.uniform(0, 500, (_ROWS, 2))
    boxes = np.where(rng.random((_ROWS, 1)) < 0.1, near, np.hstack([corner, corner + rng.uniform(8, 140, (_ROWS, 1))]))
    scores = np.sort(rng.uniform(0.02, 1, _ROWS))[::-1]
    return np.column_stack([boxes, scores, np.zeros(_ROWS)]).astype(np.float32)


def run_many(images: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    return (rows(k) for k, _ in enumerate(images))


def main(count: int) -> None:
    begin, started = peak_memory_mb(), time.monotonic()
    session = SimpleNamespace(path=Path("drawn"), size=(_SIZE, _SIZE), run_many=run_many)
    photos = list(drawn_photos(count))
    truth = WiderTruth(
        [f"event/{k}" for k in range(count)],
        [photo.boxes.astype(np.float64) for photo in photos],
        {setting: [~photo.ignored for photo in photos] for setting in SETTINGS},
    )
    with TemporaryDirectory() as scratch:
        write_png(np.zeros((_SIZE, _SIZE, 3), np.uint8), Path(scratch) / "photo.png")
        found, _ = predict(session, [Path(scratch) / "photo.png"] * count)
        kept = peak_memory_mb()
        done = evaluate_detections("drawn", photos, found, truth, METRICS)
        write_evaluation(done, Path(scratch) / "report")
    print(
        f"{count} images with {_ROWS} detections: peak {peak_memory_mb()} MB ({begin} MB at the start, {kept} MB with "
        f"all detections), {time.monotonic() - started:.0f} s",
        flush=True,
    )


if __name__ == "__main__":
    if len(sys.argv) == 2:
        main(int(sys.argv[1]))
    for number in sys.argv[1:] if len(sys.argv) > 2 else []:
        subprocess.run([sys.executable, __file__, number], check=True)
