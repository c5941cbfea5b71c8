"""The intervals of the rates at several thresholds, also at those that were chosen on the same images."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields

import numpy as np

from facedet.evaluation.metrics.bootstrap import interval
from facedet.evaluation.metrics.curve import Matched
from facedet.evaluation.metrics.operating import Rates, Target, counts_at, rates

NAMES = tuple(each.name for each in fields(Rates))
_AT_ONCE = 8  # resamples
NO_ERROR = 3  # rule of three: of n cases none is wrong; with 95 % confidence, at most 3/n are in the long run
Intervals = dict[str, tuple[float, float] | None]  # by the names of `Rates`; None where there is no such rate


class Sample:
    """The counts of each image at each threshold of a grid, and their resamples."""

    def __init__(self, matched: Sequence[Matched], faces: np.ndarray, grid: np.ndarray, draws: Iterable[np.ndarray]):
        self._counts = counts_at(matched, grid).reshape(len(matched), 2 * len(grid))  # right, then wrong
        self._place = {each: k for k, each in enumerate(grid.tolist())}
        self._faces, self._draws = faces, draws
        self._all = self._rates(np.ones((1, len(faces)), int)).at(0)

    def values(self, threshold: float) -> dict[str, float | None]:
        """The rates at a threshold of the grid."""
        values = {name: float(getattr(self._all, name)[self._place[threshold]]) for name in NAMES}
        return {name: None if np.isnan(value) else value for name, value in values.items()}

    def shown(self, threshold: float) -> int:
        """The number of detections that count there."""
        place = self._place[threshold]
        return int(self._counts[:, [place, place + self._counts.shape[1] // 2]].sum(dtype=float))

    def intervals(self, thresholds: Sequence[float], chosen: Mapping[float, Target]) -> dict[float, Intervals]:
        """The intervals of the rates at thresholds of the grid. chosen: the target of those that were chosen here.

        A threshold that is fixed has the percentile interval. For one that was chosen on these images, each resample
        chooses its own, and its rates there, less those of the same threshold in all images, say how much such figures
        are too good and vary. The interval reaches over the percentile interval and the rates less these differences:
        each alone held the true rates in fewer of the simulated sets (bench/threshold_coverage.py has those of both).
        """
        places, targets = [self._place[each] for each in thresholds], list(chosen.values())
        fixed: dict[str, list[np.ndarray]] = {name: [] for name in NAMES}
        too_good: list[list[np.ndarray]] = [[] for _ in targets]
        for counts in self._resamples():
            each = self._rates(counts)
            for name in NAMES:
                fixed[name].append(getattr(each, name)[:, places].astype(np.float32))
            for target, differences in zip(targets, too_good, strict=True):
                differences.append(self._too_good(each, target))
        if not fixed[NAMES[0]]:
            return {threshold: dict.fromkeys(NAMES) for threshold in thresholds}
        limits: dict[float, Intervals] = {
            threshold: {name: interval(np.concatenate([part[:, k] for part in fixed[name]])) for name in NAMES}
            for k, threshold in enumerate(thresholds)
        }
        for threshold, differences in zip(chosen, too_good, strict=True):
            values = self.values(threshold)
            for name, each in zip(NAMES, np.concatenate(differences, axis=1), strict=True):
                limits[threshold][name] = _over_both(limits[threshold][name], interval(values[name] - each), name)
        return {threshold: self._at_limits(threshold, each) for threshold, each in limits.items()}

    def _too_good(self, each: Rates, target: Target) -> np.ndarray:
        """How much better resamples are at the thresholds that they choose than all images are there, [rates, r].

        Those in which no threshold meets the target are left out.
        """
        place = target.choose(each)
        row = np.flatnonzero(place >= 0)
        here, there = each.at(row, place[row]), self._all.at(place[row])
        return np.array([getattr(here, name) - getattr(there, name) for name in NAMES], np.float32)

    def _resamples(self) -> Iterator[np.ndarray]:
        """Counts of images, int [r, images]; few at once, as each takes 15 kB."""
        for chunk in self._draws if len(self._faces) else ():
            yield from np.array_split(chunk, max(len(chunk) // _AT_ONCE, 1))

    def _rates(self, counts: np.ndarray) -> Rates:
        """Of resamples [r, images]: arrays [r, grid]."""
        right, wrong = np.split((counts.astype(np.float32) @ self._counts).astype(np.float64), 2, axis=1)
        return rates(right, wrong, (counts @ self._faces)[:, None], counts.sum(axis=1)[:, None])

    def _at_limits(self, threshold: float, limits: Intervals) -> Intervals:
        """Resamples of cases without an exception have none either: widened by the rule of three."""
        values = self.values(threshold)
        cases = {"precision": self.shown(threshold), "recall": int(self._faces.sum()), "false_alarms": len(self._faces)}
        for name, count in cases.items():
            value, bounds, share = values[name], limits[name], NO_ERROR / max(count, 1)
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
