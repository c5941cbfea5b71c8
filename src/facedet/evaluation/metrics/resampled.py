"""The figures of an evaluation in every resample of its images: each image is matched once, then counted.

A resample's figures are exactly those of its images, each repeated as often as it was drawn.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from facedet.data.structures import Detections
from facedet.evaluation.metrics.coco import RECALLS, STATS, CocoMatch
from facedet.evaluation.metrics.curve import Matched, ratio
from facedet.evaluation.metrics.ranking import Ranking, rank
from facedet.evaluation.metrics.wider import THRESHOLDS, WiderTruth, reached_thresholds

_CELLS = 1 << 18  # numbers in an array of one step: it stays in the processor's cache


@dataclass(frozen=True)
class Resampled:
    """Figures that resamples are asked for.

    faces: how many faces of each image a figure counts, int [images], by its name. values: the figures, float64
    [resamples] by name, of counts, int [resamples, images]; NaN where a resample has no such face.
    """

    faces: dict[str, np.ndarray]
    values: Callable[[np.ndarray], dict[str, np.ndarray]]


def in_resamples(figures: Resampled, chunks: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
    """Each figure by name, float64 [resamples]. chunks: counts of resamples, as of `count_chunks`."""
    parts = [figures.values(counts) for counts in chunks]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def coco_figures(matches: Sequence[CocoMatch], most: int) -> Resampled:
    """The figures of `precision_of`, to the last digit those of pycocotools on the repeated images.

    most: how often an image may be in a resample.
    """
    faces = np.stack([match.faces for match in matches], axis=1)
    ranked = [rank(((each.scores, each.outcome[area]) for each in matches), most) for area in range(len(faces))]

    def values(counts: np.ndarray) -> dict[str, np.ndarray]:
        precision = [_in_steps(_at_recalls, *each, counts) for each in zip(ranked, faces, strict=True)]
        return {name: _mean(precision[area][:, iou]) for name, (iou, area) in STATS.items()}

    return Resampled({name: faces[area] for name, (_, area) in STATS.items()}, values)


def curve_figures(
    names: Sequence[str], images: Iterable[tuple[Sequence[Matched], Sequence[int]]], most: int
) -> Resampled:
    """The areas of several curves of the same detections. images: of each image, its detections and the number of its
    faces for each curve. most: how often an image may be in a resample."""
    counts_of: list[Sequence[int]] = []

    def outcomes() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for matched, of_curves in images:
            counts_of.append(of_curves)
            yield matched[0].scores, np.stack([each.right.astype(np.int8) - each.wrong for each in matched])

    ranked = rank(outcomes(), most)
    faces = np.array(counts_of, int).T

    def values(counts: np.ndarray) -> dict[str, np.ndarray]:
        areas = _in_steps(_areas, ranked, faces, counts)
        return dict(zip(names, areas.T, strict=True))

    return Resampled(dict(zip(names, faces, strict=True)), values)


def wider_figures(names: dict[str, str], truth: WiderTruth, detections: Sequence[Detections]) -> Resampled:
    """The areas of `wider_curves`. names: of the figures, by setting. Scores stay normalised over all images."""
    shape, entries = (len(truth.names), len(THRESHOLDS) + 1), defaultdict(list)
    for setting, image, *reached in reached_thresholds(truth, detections):
        entries[setting].append((image, *reached))
    tables = {setting: [_table(rows, part, shape) for part in (1, 2)] for setting, rows in entries.items()}
    faces = {setting: np.array([int(each.sum()) for each in truth.counts[setting]]) for setting in names}

    def values(counts: np.ndarray) -> dict[str, np.ndarray]:
        return {name: _wider_area(tables.get(setting), faces[setting], counts) for setting, name in names.items()}

    return Resampled({name: faces[setting] for setting, name in names.items()}, values)


def _table(rows: list[tuple], part: int, shape: tuple[int, int]) -> csr_array:
    """How many detections of each image reach each threshold first, [images, thresholds]."""
    image = np.repeat([row[0] for row in rows], [len(row[part]) for row in rows])
    return csr_array((np.ones(len(image)), (image, np.concatenate([row[part] for row in rows]))), shape=shape)


def _wider_area(tables: list[csr_array] | None, faces: np.ndarray, counts: np.ndarray) -> np.ndarray:
    total = counts @ faces
    if tables is None:  # no detection in an image with faces
        return np.where(total > 0, 0, np.nan)
    hits, shown = ((counts.astype(np.float64) @ table)[:, :-1].cumsum(axis=1) for table in tables)
    return _over(_area_below(hits, ratio(hits, shown)), total)


def _in_steps(function: Callable, ranking: Ranking, faces: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The function of a few resamples at a time."""
    rows = max(1, _CELLS // max(1, len(ranking.image)))
    return np.concatenate([function(ranking, faces, counts[k : k + rows]) for k in range(0, len(counts), rows)])


def _at_recalls(ranking: Ranking, faces: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Best precision from each of COCO's recalls on, float64 [resamples, IoUs, recalls]."""
    if not faces.any():
        return np.full((len(counts), len(ranking.outcome), len(RECALLS)), np.nan)
    total = (counts @ faces)[:, None]
    row, need = np.arange(len(counts))[:, None], _hits_for_recalls(total)
    apart = (total.max(initial=0) + 1) * row  # makes all rows one ascending row
    out = np.empty((len(counts), len(ranking.outcome), len(RECALLS)))
    for rule, (hits, shown) in enumerate(ranking.right(counts)):
        precision = np.zeros((len(hits), hits.shape[1] + 1))  # none after the last right detection
        np.divide(hits, shown + np.spacing(1), out=precision[:, :-1])
        place = np.searchsorted((hits + apart).ravel(), need + apart) + row
        best = np.maximum.reduceat(precision.ravel(), place.ravel()).reshape(place.shape)
        out[:, rule] = np.maximum.accumulate(best[:, ::-1], axis=1)[:, ::-1]
    return np.where(total[..., None] > 0, out, np.nan)


def _hits_for_recalls(faces: np.ndarray) -> np.ndarray:
    """The least number of hits of so many faces, [n, 1], that reaches each of COCO's recalls, [n, recalls]."""
    faces = np.maximum(faces, 1)
    need = np.ceil(RECALLS * faces)
    need -= (need - 1) / faces >= RECALLS  # the product may have been rounded
    return need + (need / faces < RECALLS)


def _mean(precision: np.ndarray) -> np.ndarray:
    return precision.reshape(len(precision), -1).mean(axis=1)


def _areas(ranking: Ranking, faces: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """`Curve.area` of each curve, float64 [resamples, curves]. faces: of each curve, int [curves, images]."""
    areas = []
    for of_image, (hits, shown) in zip(faces, ranking.right(counts), strict=True):
        areas.append(_over(_area_below(hits, ratio(hits, shown)), counts @ of_image))
    return np.stack(areas, axis=1)


def _area_below(hits: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """Area under the precision envelope over hits, [resamples] of two arrays [resamples, points]."""
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    return np.sum(np.diff(hits, axis=1, prepend=0) * envelope, axis=1)


def _over(part: np.ndarray, faces: np.ndarray) -> np.ndarray:
    return np.where(faces > 0, ratio(part, faces), np.nan)
