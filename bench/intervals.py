"""How long do the intervals of an evaluation take, and how much memory? CPU time in one thread.

    python bench/intervals.py            # 1,000 images with 100 detections each, 2,000 resamples
    python bench/intervals.py 50000 750 4   # memory does not depend on the number of resamples

Every image has 4 faces on average; most detections are false alarms with low scores.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"))

import sys
import time
from pathlib import Path

import numpy as np

from facedet.common.machine import peak_memory_mb
from facedet.data.structures import Detections, Photo
from facedet.evaluation.draws import Draws
from facedet.evaluation.intervals import evaluation_intervals
from facedet.evaluation.metrics.bootstrap import RESAMPLES


def draw_image(number: int, detections: int) -> tuple[Photo, Detections]:
    """Faces from a few pixels to the whole image, two detections near each, the others anywhere."""
    random = np.random.default_rng(number)
    faces = _boxes(random, random.poisson(4), 3.8)
    near = np.repeat(faces, 2, axis=0)[:detections]
    near = near + random.normal(0, 0.06, near.shape) * (near[:, 2:3] - near[:, :1])
    others = detections - len(near)
    scores = np.concatenate([random.beta(3, 2, len(near)), random.beta(1, 6, others)]).astype(np.float32)
    boxes, order = np.concatenate([near, _boxes(random, others, 3.5)]), np.argsort(-scores)
    photo = Photo(Path(f"{number}.jpg"), 640, 640, faces.astype(np.float32), random.random(len(faces)) < 0.05)
    return photo, Detections(boxes[order].astype(np.float32), scores[order])


def _boxes(random: np.random.Generator, count: int, size: float) -> np.ndarray:
    corner, side = random.uniform(0, 500, (count, 2)), random.lognormal(size, 0.8, (count, 1))
    return np.hstack([corner, corner + side])


def main(images: int = 1000, detections: int = 100, resamples: int = RESAMPLES) -> None:
    photos, found = zip(*(draw_image(k, detections) for k in range(images)), strict=True)
    draws = Draws([[k] for k in range(images)], images, resamples)
    before, started = peak_memory_mb(), time.process_time()
    done = evaluation_intervals(photos, found, None, ("coco", "ap64"), draws)
    seconds, memory = time.process_time() - started, peak_memory_mb() - before
    print(
        f"{images:,} images, {sum(len(p.boxes) for p in photos):,} faces, {detections} detections an image: "
        f"{len(done.of)} figures in {draws.resamples:,} resamples take {seconds:.1f} s of CPU in one thread and "
        f"{memory} MB more memory; AP {done.words('coco AP')}"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
