"""Bootstrap over images: how much a figure would differ if other images of the same kind had been measured."""

from collections.abc import Iterator, Sequence

import numpy as np

RESAMPLES = 2000
LEVEL = 0.95
_AT_ONCE = 64  # resamples


def resample_counts(groups: Sequence[Sequence[int]], resamples: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """How often each image is in each resample, int32 [resamples, images].

    groups: indices of images that are near-duplicates, each image in exactly one group. A resample draws as many groups
    as there are, with replacement; the images of a group are drawn together. Equal seeds give equal counts.
    """
    return np.concatenate(list(count_chunks(groups, resamples, seed)))


def count_chunks(groups: Sequence[Sequence[int]], resamples: int = RESAMPLES, seed: int = 0) -> Iterator[np.ndarray]:
    """The rows of `resample_counts` in chunks: all of 50,000 images would take 400 MB."""
    random, many = np.random.default_rng(seed), len(groups)
    group = np.empty(sum(map(len, groups)), int)
    for number, images in enumerate(groups):
        group[list(images)] = number
    for begin in range(0, resamples, _AT_ONCE):
        rows = min(_AT_ONCE, resamples - begin)
        drawn = random.integers(many, size=(rows, many)) + many * np.arange(rows)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=rows * many).reshape(rows, many)
        yield counts.astype(np.int32)[:, group]


def interval(values: np.ndarray, level: float = LEVEL) -> tuple[float, float] | None:
    """The percentile interval of a figure: the limits between which it lies in `level` of the resamples.

    values [resamples]: the figure of each; NaN where a resample has no such figure. None if all have none.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
