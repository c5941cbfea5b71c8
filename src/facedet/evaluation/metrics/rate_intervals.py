"""The intervals of the rates at several thresholds, also at those that were chosen on the same images."""

from collections.abc import Iterator, Sequence
from dataclasses import fields

import numpy as np

from facedet.evaluation.metrics.bootstrap import count_chunks, interval
from facedet.evaluation.metrics.curve import Matched
from facedet.evaluation.metrics.operating import Rates, Target, counts_at, rates

NAMES = tuple(each.name for each in fields(Rates))
_AT_ONCE = 8  # resamples
NO_ERROR = 3  # rule of three: of n cases none is wrong; with 95 % confidence, at most 3/n are in the long run
Intervals = dict[str, tuple[float, float] | None]  # by the names of `Rates`; None where there is no such rate


class Sample:
    """The counts of each image at each threshold of a grid, and their resamples."""

    def __init__(
        self, matched: Sequence[Matched], faces: np.ndarray, grid: np.ndarray, groups: Sequence[Sequence[int]] | None
    ):
        self._counts = counts_at(matched, grid).reshape(len(matched), 2 * len(grid))  # right, then wrong
        self._faces, self._groups = faces, groups or [[k] for k in range(len(faces))]
        self._all = self._rates(np.ones((1, len(faces)), int)).at(0)

    def values(self, place: int) -> dict[str, float | None]:
        """The rates at a place of the grid."""
        values = {name: float(getattr(self._all, name)[place]) for name in NAMES}
        return {name: None if np.isnan(value) else value for name, value in values.items()}

    def shown(self, place: int) -> int:
        """The number of detections that count there."""
        return int(self._counts[:, [place, place + self._counts.shape[1] // 2]].sum(dtype=float))

    def intervals(self, places: Sequence[int], chosen: Sequence[tuple[Target, int]]) -> dict[int, Intervals]:
        """The intervals of the rates at places of the grid. chosen: the target of those that were chosen here.

        A threshold that is fixed has the percentile interval. For one that was chosen on these images, each resample
        chooses its own, and its rates there, less those of the same threshold in all images, say how much such figures
        are too good and vary. The interval reaches over the percentile interval and the rates less these differences:
        each alone held the true rates in fewer of the simulated sets (bench/threshold_coverage.py has those of both).
        """
        fixed: dict[str, list[np.ndarray]] = {name: [] for name in NAMES}
        too_good: list[list[np.ndarray]] = [[] for _ in chosen]
        for counts in self._resamples():
            each = self._rates(counts)
            for name in NAMES:
                fixed[name].append(getattr(each, name)[:, places].astype(np.float32))
            for (target, _), found in zip(chosen, too_good, strict=True):
                point = target.choose(each)
                row = np.flatnonzero(point >= 0)
                one, there = each.at(row, point[row]), self._all.at(point[row])
                found.append(np.array([getattr(one, name) - getattr(there, name) for name in NAMES], np.float32))
        limits: dict[int, Intervals] = {
            place: {name: interval(np.concatenate([part[:, k] for part in fixed[name]])) for name in NAMES}
            if fixed[NAMES[0]]
            else dict.fromkeys(NAMES)
            for k, place in enumerate(places)
        }
        for (_, place), found in zip(chosen, too_good, strict=True):
            for name, differences in zip(NAMES, np.concatenate(found, axis=1), strict=True):
                without = interval(float(getattr(self._all, name)[place]) - differences)
                limits[place][name] = _over_both(limits[place][name], without, name)
        return {place: self._at_limits(place, each) for place, each in limits.items()}

    def _resamples(self) -> Iterator[np.ndarray]:
        """Counts of images, int [r, images]; few at once, as each takes 15 kB."""
        for chunk in count_chunks(self._groups) if len(self._faces) else ():
            yield from np.array_split(chunk, max(len(chunk) // _AT_ONCE, 1))

    def _rates(self, counts: np.ndarray) -> Rates:
        """Of resamples [r, images]: arrays [r, grid]."""
        right, wrong = np.split((counts.astype(np.float32) @ self._counts).astype(np.float64), 2, axis=1)
        return rates(right, wrong, (counts @ self._faces)[:, None], counts.sum(axis=1)[:, None])

    def _at_limits(self, place: int, limits: Intervals) -> Intervals:
        """Resamples of cases without an exception have none either: widened by the rule of three."""
        cases = {"precision": self.shown(place), "recall": int(self._faces.sum()), "false_alarms": len(self._faces)}
        for name, count in cases.items():
            value, bounds, share = getattr(self._all, name)[place], limits[name], NO_ERROR / max(count, 1)
            if bounds and value == 0:
                limits[name] = (0.0, max(bounds[1], share if name == "false_alarms" else min(share, 1.0)))
            elif bounds and value == 1 and name != "false_alarms":
                limits[name] = (min(bounds[0], max(1 - share, 0.0)), 1.0)
        return limits


def _over_both(
    first: tuple[float, float] | None, second: tuple[float, float] | None, name: str
) -> tuple[float, float] | None:
    """The interval from the lower to the higher limit of two, within those of a rate with that name."""
    if first is None or second is None:
        return first or second
    highest = np.inf if name == "false_alarms" else 1.0
    return max(0.0, min(first[0], second[0])), min(highest, max(first[1], second[1]))
