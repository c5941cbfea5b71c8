"""Where a detector fails: its figures in each group of every division of the faces."""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np

from facedet.data.structures import Detections, Photo
from facedet.evaluation.divisions import Division, image_of_faces
from facedet.evaluation.draws import MIN_FACES, MIN_IMAGES, Draws, Interval
from facedet.evaluation.metrics.curve import Matched
from facedet.evaluation.metrics.faces import BoxInImage, false_positives, is_detected
from facedet.evaluation.metrics.groups import Nearby, ap_of_faces, ap_of_images, nearby

SHOWN_SLICES, SHOWN_BOXES = 4, 5  # the worst slices, and misses and false alarms of each, that a page shows
Limits = tuple[float, float]


@dataclass(frozen=True)
class Slice:
    """A group of faces. Figures are in 0..1, and None if the slice is not judged.

    by, name: the division and the group. images: with such faces or, where images are divided, all of the group.
    detected: number of its faces that a detection above the threshold matches. interval: of the recall, 95 %.
    false_alarms: an image above the threshold, only where images are divided. below: the recall of all faces lies above
    the interval. ranked: whether it can be among the worst; what is not known cannot.
    """

    by: str
    name: str
    faces: int
    images: int
    detected: int
    ap50: float | None
    recall: float | None
    interval: Limits | None
    false_alarms: float | None
    below: bool
    ranked: bool

    @property
    def is_judged(self) -> bool:
        return self.recall is not None


@dataclass(frozen=True)
class WorstSlice:
    """A slice that detects fewer faces than the whole dataset: its largest misses, and the false alarms with the
    highest scores in its images."""

    slice: Slice
    misses: list[BoxInImage]
    false_positives: list[BoxInImage]


@dataclass(frozen=True)
class Slices:
    """All slices, in the order of the divisions, and the worst, by recall. recall: of all faces, None without any."""

    threshold: float
    recall: float | None
    all: list[Slice]
    worst: list[WorstSlice] = field(repr=False)

    @property
    def divisions(self) -> list[tuple[str, list[Slice]]]:
        """The slices of each division, the one with the worst slice first."""
        by: dict[str, list[Slice]] = {}
        for each in self.all:
            by.setdefault(each.by, []).append(each)
        return sorted(by.items(), key=lambda item: min((_rank(each) for each in item[1]), default=2.0))

    @property
    def below(self) -> list[Slice]:
        """Those with a recall that is clearly below that of all faces, the worst first."""
        return sorted((each for each in self.all if each.below and each.ranked), key=_rank)

    def as_dict(self) -> dict:
        """Plain values for JSON."""
        limits = {"fewest_faces": MIN_FACES, "fewest_images": MIN_IMAGES}
        return {"threshold": self.threshold, "recall": self.recall, **limits, "slices": [asdict(s) for s in self.all]}


@dataclass(frozen=True)
class ComparedSlice:
    """The recall of two models in a group of faces, and the interval of the second's less the first's, 95 %; None if
    the slice is not judged."""

    by: str
    name: str
    faces: int
    images: int
    detected: tuple[int, int]
    recalls: tuple[float, float] | None
    difference: Limits | None

    @property
    def differs(self) -> bool:
        """Whether the interval of the difference is above or below 0."""
        return self.difference is not None and (self.difference[0] > 0 or self.difference[1] < 0)


def measure_slices(
    photos: Sequence[Photo],
    detections: Sequence[Detections],
    divisions: Sequence[Division],
    threshold: float,
    draws: Draws,
) -> Slices:
    """The figures of every group that has a face or an image. draws: resamples of the photos."""
    near = [nearby(*pair) for pair in zip(photos, detections, strict=True)]
    matched = [image.match(image.counts) for image in near]
    none = [image.match(np.zeros(len(image.counts), bool)) for image in near]
    alarms = np.array([int((m.wrong & (m.scores > threshold)).sum()) for m in matched])
    hit = detected_faces(photos, detections, threshold)
    recall = float(hit.mean()) if len(hit) else None
    tables = _Tables(photos, divisions)
    hits, faces = tables.count(hit), tables.count(np.ones(len(hit)))
    sampled = _resampled(draws, hits, faces)
    slices = []
    for division, columns in tables.parts():
        inside = _has_slice(division, faces[:, columns])
        aps = _aps(division, near, matched, none, inside)
        for k, column in enumerate(columns):
            if inside[:, k].any():
                counts = hits[:, column], faces[:, column], sampled[:, column]
                slices.append(_slice(division, k, inside[:, k], *counts, aps[k], alarms, recall, draws))
    return Slices(threshold, recall, slices, list(_worst(slices, divisions, photos, detections, hit, threshold)))


def _has_slice(division: Division, faces: np.ndarray) -> np.ndarray:
    """Whether each image belongs to each group, bool [images, groups]. faces: how many it has of each."""
    if division.of_images is None:
        return np.asarray(faces > 0)
    return division.of_images[:, None] == np.arange(faces.shape[1])


def _aps(
    division: Division,
    near: Sequence[Nearby],
    matched: Sequence[Matched],
    none: Sequence[Matched],
    inside: np.ndarray,
) -> list[float | None]:
    """AP50 of each group; of images, where the division is one of images. matched: with all faces that count. none:
    with none of them."""
    if division.of_images is None:
        return ap_of_faces(near, none, division.of_faces, inside.shape[1])
    faces = np.array([int(image.counts.sum()) for image in near])
    return [ap_of_images([matched[k] for k in np.flatnonzero(of)], int(faces[of].sum())) for of in inside.T]


def _slice(
    division: Division,
    k: int,
    inside: np.ndarray,
    hits: np.ndarray,
    faces: np.ndarray,
    sampled: np.ndarray,
    ap: float | None,
    alarms: np.ndarray,
    recall: float | None,
    draws: Draws,
) -> Slice:
    """The figures of a group. inside, hits, faces, alarms [images]. sampled: its recall in each resample."""
    total, found = int(faces.sum()), int(hits.sum())
    limits = _limits(draws.interval(sampled, faces))
    judged = limits is not None
    return Slice(
        by=division.name,
        name=division.groups[k],
        faces=total,
        images=int(inside.sum()),
        detected=found,
        ap50=ap if judged else None,
        recall=found / total if judged else None,
        interval=limits,
        false_alarms=None if division.of_images is None else float(alarms[inside].mean()),
        below=bool(limits and recall is not None and limits[1] < recall),
        ranked=division.groups[k] != division.rest,
    )


def compare_slices(
    photos: Sequence[Photo],
    divisions: Sequence[Division],
    hits: tuple[np.ndarray, np.ndarray],
    draws: Draws,
) -> list[ComparedSlice]:
    """The recall of two models in every group with faces. hits: of each, `detected_faces`. draws: resamples of the
    photos."""
    tables = _Tables(photos, divisions)
    faces, (first, second) = tables.count(np.ones(len(hits[0]))), (tables.count(each) for each in hits)
    gained = _resampled(draws, second - first, faces)
    rows = []
    for division, columns in tables.parts():
        for k, column in enumerate(columns):
            if total := int(faces[:, column].sum()):
                found = int(first[:, column].sum()), int(second[:, column].sum())
                difference = _limits(draws.interval(gained[:, column], faces[:, column], lowest=-1.0))
                recalls = (found[0] / total, found[1] / total) if difference else None
                images = int((faces[:, column] > 0).sum())
                rows.append(ComparedSlice(division.name, division.groups[k], total, images, found, recalls, difference))
    return rows


def detected_faces(photos: Sequence[Photo], detections: Sequence[Detections], threshold: float) -> np.ndarray:
    """Whether each face of all photos that is not ignored is detected, bool [faces]."""
    masks = [is_detected(p, d, threshold)[~p.ignored] for p, d in zip(photos, detections, strict=True)]
    return np.concatenate([np.zeros(0, bool), *masks])


class _Tables:
    """Counts of faces by image and by group; the groups of all divisions are columns side by side."""

    def __init__(self, photos: Sequence[Photo], divisions: Sequence[Division]):
        self._images, self._image, self._divisions = len(photos), image_of_faces(photos), divisions

    def count(self, weights: np.ndarray) -> np.ndarray:
        """The sum of a weight of each face [faces], float64 [images, columns]."""
        parts: list[np.ndarray] = [np.zeros((self._images, 0))]
        for division in self._divisions:
            many = len(division.groups)
            cell = self._image * many + division.of_faces
            parts.append(np.bincount(cell, weights, minlength=self._images * many).reshape(self._images, many))
        return np.hstack(parts)

    def parts(self) -> Iterator[tuple[Division, range]]:
        """Each division and its columns."""
        begin = 0
        for division in self._divisions:
            yield division, range(begin, begin := begin + len(division.groups))


def _resampled(draws: Draws, hits: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Hits a face in each resample and column [resamples, columns]; NaN in a resample without such faces."""
    parts: list[np.ndarray] = []
    for counts in draws:
        of_faces = counts @ faces
        parts.append(np.divide(counts @ hits, of_faces, out=np.full(of_faces.shape, np.nan), where=of_faces > 0))
    return np.concatenate(parts)


def _limits(interval: Interval) -> Limits | None:
    """None if there are too few faces or images."""
    return None if interval.low is None or interval.high is None else (interval.low, interval.high)


def _rank(each: Slice) -> float:
    return each.recall if each.recall is not None and each.ranked else 2.0


def _worst(
    slices: Sequence[Slice],
    divisions: Sequence[Division],
    photos: Sequence[Photo],
    detections: Sequence[Detections],
    hit: np.ndarray,
    threshold: float,
) -> Iterator[WorstSlice]:
    """The worst slices with their boxes."""
    image, boxes = image_of_faces(photos), np.concatenate([photo.boxes[~photo.ignored] for photo in photos])
    by_name = {division.name: division for division in divisions}
    ranked = [each for each in slices if each.ranked and each.recall is not None and each.recall < hit.mean()]
    for each in sorted(ranked, key=_rank)[:SHOWN_SLICES]:
        division = by_name[each.by]
        chosen = division.of_faces == division.groups.index(each.name)
        missed = [BoxInImage(int(image[k]), boxes[k]) for k in np.flatnonzero(chosen & ~hit)]
        indices = np.unique(image[chosen]).tolist()
        found = (detections[k].above(threshold) for k in indices)
        wrong = false_positives((photos[k] for k in indices), found, SHOWN_BOXES)
        yield WorstSlice(
            each,
            heapq.nlargest(SHOWN_BOXES, missed, key=lambda face: face.height),
            [BoxInImage(indices[box.image_index], box.box, box.score) for box in wrong],
        )
