"""All detections in descending order of score, prepared once, to count them in many resamples of the images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array


@dataclass(frozen=True)
class Ranking:
    """Detections in descending order of score; of equal scores, the first image comes first, and the copies of an image
    follow each other, each with its detections in their order. So does pycocotools with images that are repeated.

    A place is a detection that is not wrong by every rule. outcome: int8 [rules, places], 1 for right, -1 for wrong, 0
    for not counted. image [places]. copy [places]: 0 for all copies of the image, else the number of one: only where an
    image has equal scores, copies do not stand together. always_wrong [places, images]: how many detections of an image
    that are wrong by every rule come between a place and the one before.
    """

    outcome: np.ndarray
    image: np.ndarray
    copy: np.ndarray
    always_wrong: csr_array

    def right(self, counts: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """For each rule: right detections, and right or wrong ones, down to each that is right.

        counts: int [resamples, images]. Yields two times int32 [resamples, right ones].
        """
        counts = counts.astype(np.int32)
        of_image = np.take(counts, self.image, axis=1)
        weight = np.where(self.copy, of_image >= self.copy, of_image)
        between = np.ascontiguousarray((self.always_wrong @ counts.T).T)
        counted, total = None, between
        for outcome in self.outcome:
            right, now = np.flatnonzero(outcome == 1), outcome != 0
            if counted is None or (counted != now).any():  # most rules count the same detections
                counted, total = now, _sums(between + weight * now)
            yield _sums(np.take(weight, right, axis=1)), np.take(total, right, axis=1)


def _sums(values: np.ndarray) -> np.ndarray:
    return np.cumsum(values, axis=1, dtype=np.int32)


def rank(scores: Sequence[np.ndarray], outcomes: Sequence[np.ndarray], most: int) -> Ranking:
    """Rank the detections of all images. scores: of each image [k], in descending order. outcomes: of each image, int8
    [rules, k], as in `Ranking`. most: how often an image may be in a resample."""
    flat, outcome = np.concatenate(scores), np.concatenate(outcomes, axis=1)
    image = np.repeat(np.arange(len(scores)), [len(each) for each in scores])
    order = np.argsort(-flat, kind="stable")
    order = order[(outcome != 0).any(axis=0)[order]]
    flat, outcome, image = flat[order], outcome[:, order], image[order]
    equal = (image[1:] == image[:-1]) & (flat[1:] == flat[:-1])
    block = np.cumsum(np.append(True, ~equal)[: len(image)]) - 1  # of equal scores in an image
    varies = (outcome != -1).any(axis=0)
    tied = (np.bincount(block) > 1)[block] & (np.bincount(block, varies) > 0)[block]
    place, copy = _places(block, varies, tied, most)
    wrong = np.flatnonzero(~varies & ~tied)
    row = np.searchsorted(block[place], block[wrong])
    wrong, row = wrong[row < len(place)], row[row < len(place)]
    between = csr_array((np.ones(len(wrong), np.int32), (row, image[wrong])), shape=(len(place), len(scores)))
    return Ranking(outcome[:, place], image[place], copy, between)


def _places(block: np.ndarray, varies: np.ndarray, tied: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """The detection at each place, and its copy. block, varies, tied: of each detection, in descending order of score;
    tied ones get a place for each copy of their image."""
    kept = np.flatnonzero(varies | tied)
    times = np.where(tied[kept], most, 1)
    place = np.repeat(kept, times)
    copy = np.arange(1, len(place) + 1) - np.repeat(np.cumsum(times) - times, times)
    copy[~tied[place]] = 0
    order = np.lexsort((place, copy, block[place]))
    return place[order], copy[order]
