"""Is the second model better? Differences on the same images, with paired intervals, and a verdict in words."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from facedet.data.structures import Detections, Photo
from facedet.evaluation.draws import Draws, Interval
from facedet.evaluation.intervals import height_figures
from facedet.evaluation.metrics.coco import match_image
from facedet.evaluation.metrics.heights import height_matches
from facedet.evaluation.metrics.resampled import Resampled, coco_figures, in_resamples
from facedet.evaluation.metrics.thresholded import equal_alarms_figure, threshold_figures, threshold_of_alarms

_POWER = ((1.96 + 0.84) / 1.96) ** 2  # times as many images: four of five such sets then show the difference
_HOPELESS = 100  # times as many images


@dataclass(frozen=True)
class Difference:
    """A figure of both models, None if it does not exist, and the interval of the second's minus the first's."""

    name: str
    first: float | None
    second: float | None
    interval: Interval
    in_percent: bool = True

    @property
    def value(self) -> float | None:
        """The second's minus the first's."""
        return None if self.first is None or self.second is None else self.second - self.first

    def row(self) -> tuple[str, str, str, str, str]:
        """A row of a table: name, both figures, their difference and its interval."""
        scale, digits, unit = (100, 1, " %") if self.in_percent else (1, 2, "")
        first, second = ("none" if v is None else f"{scale * v:.{digits}f}{unit}" for v in (self.first, self.second))
        change = "none" if self.value is None else f"{scale * self.value:+.{digits}f}"
        return self.name, first, second, change, self.interval.words(scale, digits)


@dataclass(frozen=True)
class Paired:
    """Both models on the same images.

    thresholds: the score above which each counts. equal_threshold: that of the second model with which it gives no more
    false alarms than the first. ap: COCO AP. others: recall, precision and false alarms, each above its threshold, and
    recall at equal false alarms.
    """

    thresholds: tuple[float, float]
    equal_threshold: float
    ap: Difference
    others: list[Difference]
    draws: Draws

    @property
    def verdict(self) -> str:
        """About AP, in words."""
        return verdict(self.ap, self.draws.images)

    @property
    def note(self) -> str:
        """How the figures were measured."""
        first, second = self.thresholds
        scores = f"first: scores above {first:g}; second: above {second:g}"
        return f"{scores}, and above {self.equal_threshold:.2g} at equal false alarms. {self.draws}."

    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """Rows of a table, see `Difference.row`."""
        return [each.row() for each in (self.ap, *self.others)]

    def as_dict(self) -> dict:
        """Plain values for JSON."""
        rows = [{**asdict(each), "difference": each.value} for each in (self.ap, *self.others)]
        head = {"verdict": self.verdict, "thresholds": list(self.thresholds), "equal_threshold": self.equal_threshold}
        return {**head, "differences": rows, "intervals": self.draws.as_dict()}


def compare_paired(
    photos: Sequence[Photo], detections: Sequence[Sequence[Detections]], thresholds: tuple[float, float], draws: Draws
) -> Paired:
    """Compare two models. detections: of each model, for each photo. thresholds: of each model."""
    boxes, ignored = [p.boxes for p in photos], [p.ignored for p in photos]
    (first, faces), (second, _) = (height_matches(boxes, found, 0, np.inf, ignored) for found in detections)
    shown = threshold_figures(first, faces, thresholds[0]), threshold_figures(second, faces, thresholds[1])
    own = differences(*shown, draws)
    alarms = replace(own["false alarms"], name="false alarms an image", in_percent=False)
    at_equal = equal_alarms_figure(second, faces, first, thresholds[0], draws.most)
    equal = differences(shown[0], at_equal, draws)["recall"]
    name = f"recall at {alarms.first:.2f} false alarms an image"
    return Paired(
        thresholds,
        threshold_of_alarms(second, round((alarms.first or 0) * len(photos))),
        coco_difference(photos, detections, draws),
        [own["recall"], own["precision"], alarms, replace(equal, name=name)],
        draws,
    )


def coco_difference(photos: Sequence[Photo], detections: Sequence[Sequence[Detections]], draws: Draws) -> Difference:
    """The difference of COCO AP."""
    pairs = ([match_image(*pair) for pair in zip(photos, found, strict=True)] for found in detections)
    first, second = (coco_figures(matches, draws.most) for matches in pairs)
    return differences(first, second, draws)["AP"]


def height_differences(
    photos: Sequence[Photo], detections: Sequence[Sequence[Detections]], draws: Draws
) -> dict[str, Difference]:
    """The difference of AP50 of each range of heights, by `height_name`."""
    boxes, ignored = [p.boxes for p in photos], [p.ignored for p in photos]
    first, second = (height_figures(boxes, found, ignored, draws.most) for found in detections)
    return differences(first, second, draws)


def differences(first: Resampled, second: Resampled, draws: Draws) -> dict[str, Difference]:
    """The difference of each figure that the second has, by name."""
    before, after = (in_resamples(each, draws) for each in (first, second))
    once = np.ones((1, draws.images), int)
    values = [{name: float(of_images[0]) for name, of_images in each.values(once).items()} for each in (first, second)]
    done = {}
    for name, faces in second.faces.items():
        of_first, of_second = (None if math.isnan(each[name]) else each[name] for each in values)
        most = math.inf if name == "false alarms" else 1.0
        interval = draws.interval(after[name] - before[name], faces, -most, most)
        done[name] = Difference(name, of_first, of_second, interval)
    return done


def verdict(difference: Difference, images: int) -> str:
    """What an interval allows to say about the second model: better, worse, or how many images could tell."""
    value, low, high = difference.value, difference.interval.low, difference.interval.high
    cannot = f"these {images:,} images cannot tell"
    if value is None or low is None or high is None:
        return f"{cannot}: {difference.interval.words()}"
    if low > 0 or high < 0:
        return "better" if low > 0 else "worse"
    reach = value - low if value > 0 else high - value
    needed = images * _POWER * (reach / value) ** 2 if value else math.inf
    if needed > _HOPELESS * images:
        return f"{cannot}: the difference is not distinguishable from none"
    return f"{cannot}; about {_two_digits(needed):,} would"


def _two_digits(number: float) -> int:
    """Rounded up."""
    digit = 10 ** max(0, math.floor(math.log10(number)) - 1)
    return math.ceil(number / digit) * digit
