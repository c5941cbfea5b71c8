"""All detections in descending order of score, prepared once, to count them in many resamples of the images."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csc_array


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
    always_wrong: csc_array

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


def rank(images: Iterable[tuple[np.ndarray, np.ndarray]], most: int) -> Ranking:
    """Rank the detections of all images. images: of each, the scores [k], which must descend, and int8 [rules, k] as in
    `Ranking`. most: how often an image may be in a resample.

    Sorts the places only: arrays of all detections would take gigabytes for 50,000 images.
    """
    scores, outcomes, copies, always_wrong = [], [], [], []
    for of_image, outcome in images:
        place, copy, wrong = _places(of_image, outcome, most)
        scores.append(of_image[place])
        outcomes.append(outcome[:, place])
        copies.append(copy)
        always_wrong.append(of_image[wrong])
    image = np.repeat(np.arange(len(scores), dtype=np.int32), [len(each) for each in scores])
    ranked = -np.concatenate(scores) + 1j * image  # complex numbers sort by both parts
    order = np.argsort(ranked, kind="stable")
    between = _between(ranked[order], always_wrong)
    return Ranking(np.concatenate(outcomes, axis=1)[:, order], image[order], np.concatenate(copies)[order], between)


def _places(scores: np.ndarray, outcome: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of an image, the detection at each place, its copy, and the detections between places.

    Of equal scores, each has a place for each copy of the image, unless all are always wrong.
    """
    counted = np.flatnonzero((outcome != 0).any(axis=0))
    varies = (outcome[:, counted] != -1).any(axis=0)
    block = np.cumsum(np.diff(scores[counted], prepend=np.inf) != 0) - 1  # of equal scores
    tied = ((np.bincount(block) > 1) & (np.bincount(block, varies) > 0))[block]
    kept = np.flatnonzero(varies | tied)
    times = np.where(tied[kept], most, 1)
    place = np.repeat(kept, times)
    copy = np.arange(1, len(place) + 1, dtype=np.int32) - np.repeat(np.cumsum(times) - times, times)
    copy[~tied[place]] = 0
    order = np.lexsort((place, copy, block[place]))
    return counted[place[order]], copy[order], counted[~varies & ~tied]


def _between(places: np.ndarray, always_wrong: list[np.ndarray]) -> csc_array:
    """`Ranking.always_wrong`. places: negative score and image of each, ascending. always_wrong: scores by image; they
    are replaced, as both would take a gigabyte for 50,000 images."""
    images = len(always_wrong)
    for image, scores in enumerate(always_wrong):
        row = np.searchsorted(places, -scores + 1j * np.float64(image))
        always_wrong[image] = row[row < len(places)].astype(np.int32)
    begins = np.cumsum([0, *map(len, always_wrong)])
    row = np.concatenate(always_wrong)
    always_wrong.clear()
    return csc_array((np.ones(len(row), np.int32), row, begins), shape=(len(places), images))
