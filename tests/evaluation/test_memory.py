"""Memory of an evaluation: what it keeps for an image, and that it does not grow much beyond that."""

import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from facedet.data.image import write_png
from facedet.data.structures import Detections, Photo
from facedet.evaluation.divisions import divide
from facedet.evaluation.draws import Draws
from facedet.evaluation.evaluate import evaluate_detections
from facedet.evaluation.intervals import evaluation_intervals
from facedet.evaluation.metrics.wider import SETTINGS, WiderTruth
from facedet.evaluation.slices import measure_slices
from facedet.inference.predict import predict

ROWS, IMAGES = 750, 200
IN_FLOAT32 = ROWS * 5 * 4  # bytes: boxes and scores


def run_many(images: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    for k, _ in enumerate(images):
        rng = np.random.default_rng(k)
        corner = rng.uniform(0, 80, (ROWS, 2))
        scores = np.sort(rng.uniform(0.02, 1, (ROWS, 1)), axis=0)[::-1]
        yield np.hstack([corner, corner + 8, scores, np.zeros((ROWS, 1))]).astype(np.float32)


def test_evaluate_keeps_little_more_of_an_image_than_its_detections(tmp_path: Path) -> None:
    write_png(np.zeros((100, 100, 3), np.uint8), tmp_path / "photo.png")
    session = SimpleNamespace(path=Path("m"), size=(100, 100), run_many=run_many)
    face = np.array([[10, 10, 18, 18]], np.float32)
    photos = [Photo(Path(f"event/{k}.jpg"), 100, 100, face, np.array([False])) for k in range(IMAGES)]
    names = [f"event/{k}" for k in range(IMAGES)]
    truth = WiderTruth(names, [face] * IMAGES, {setting: [np.array([True])] * IMAGES for setting in SETTINGS})

    def evaluated(found: list[Detections]) -> None:
        evaluate_detections("m", photos[: len(found)], found, truth, ("coco", "wider", "ap64"))
        measure_slices(
            photos[: len(found)], found, divide(photos[: len(found)]), 0.3, Draws([[k] for k in range(len(found))], 0)
        )

    evaluated(predict(session, [tmp_path / "photo.png"] * 2)[0])  # type: ignore[arg-type]  (imports and caches)
    tracemalloc.start()
    found, _ = predict(session, [tmp_path / "photo.png"] * IMAGES)  # type: ignore[arg-type]
    kept = tracemalloc.get_traced_memory()[0] / IMAGES
    tracemalloc.reset_peak()
    evaluated(found)
    peak = tracemalloc.get_traced_memory()[1] / IMAGES
    tracemalloc.stop()
    assert IN_FLOAT32 <= kept < 1.1 * IN_FLOAT32
    assert peak < kept + 12_000  # 50,000 images: 1.4 GB, and the libraries


def test_intervals_take_less_memory_than_the_detections() -> None:
    face = np.array([[10, 10, 18, 18]], np.float32)
    photos = [Photo(Path(f"{k}.jpg"), 100, 100, face, np.array([False])) for k in range(IMAGES)]
    found = [Detections(rows[:, :4], rows[:, 4]) for rows in run_many([face] * IMAGES)]
    metrics = ("coco", "ap64")
    evaluation_intervals(photos[:2], found[:2], None, metrics, Draws([[0], [1]], 2, 2))  # imports and caches
    tracemalloc.start()
    evaluation_intervals(photos, found, None, metrics, Draws([[k] for k in range(IMAGES)], IMAGES, 2))
    peak = tracemalloc.get_traced_memory()[1] / IMAGES
    tracemalloc.stop()
    assert peak < IN_FLOAT32
