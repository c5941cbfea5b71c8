"""The interval of every figure of an evaluation."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import pairwise

import numpy as np

from facedet.data.structures import NO_DETECTIONS, Detections, Photo
from facedet.evaluation.draws import Draws, Interval
from facedet.evaluation.metrics.coco import match_image
from facedet.evaluation.metrics.curve import Matched
from facedet.evaluation.metrics.heights import HEIGHT_EDGES, ap64_matches, height_matches, height_range
from facedet.evaluation.metrics.resampled import Resampled, coco_figures, curve_figures, in_resamples, wider_figures
from facedet.evaluation.metrics.wider import SETTINGS, WiderTruth
from facedet.evaluation.predictions import wider_image_name

RANGES = tuple(pairwise(HEIGHT_EDGES))


@dataclass(frozen=True)
class Intervals:
    """draws: the resamples. of: the interval of each figure, by its name in tables."""

    draws: Draws
    of: dict[str, Interval]

    def as_dict(self) -> dict:
        """Plain values for JSON."""
        return {**self.draws.as_dict(), "of": {name: asdict(each) for name, each in self.of.items()}}

    def words(self, name: str) -> str:
        """The interval of a figure in per cent, or why it has none; empty if the figure has no resamples."""
        return self.of[name].words() if name in self.of else ""


def height_name(lowest: float, highest: float) -> str:
    """The name of AP50 of faces with these heights."""
    return f"AP50 {height_range(lowest, highest)} px"


def evaluation_intervals(
    photos: Sequence[Photo],
    detections: Sequence[Detections],
    truth: WiderTruth | None,
    metrics: Sequence[str],
    draws: Draws,
) -> Intervals:
    """Intervals of the figures of `evaluate_detections`, with its arguments."""
    boxes = [p.boxes for p in photos] if photos else (truth.boxes if truth else [])
    ignored = [p.ignored for p in photos] if photos else [np.zeros(len(b), bool) for b in boxes]
    found: dict[str, Interval] = {}
    if "wider" in metrics and truth:
        found |= _wider_intervals(truth, photos, detections, draws)
    found |= _intervals(height_figures(boxes, detections, ignored, draws.most), draws)
    if "ap64" in metrics:
        found |= _intervals(_curves({"ap64": ap64_matches}, boxes, detections, ignored, draws.most), draws)
    if "coco" in metrics:
        coco = coco_figures([match_image(*pair) for pair in zip(photos, detections, strict=True)], draws.most)
        found |= _intervals(_renamed(coco, "coco "), draws)
    return Intervals(draws, found)


def height_figures(
    boxes: Sequence[np.ndarray], detections: Sequence[Detections], ignored: Sequence[np.ndarray], most: int
) -> Resampled:
    """AP50 of each range of heights in resamples, by `height_name`."""
    rules = {height_name(*limits): partial(height_matches, lowest=limits[0], highest=limits[1]) for limits in RANGES}
    return _curves(rules, boxes, detections, ignored, most)


def _curves(
    rules: Mapping[str, Callable],
    boxes: Sequence[np.ndarray],
    detections: Sequence[Detections],
    ignored: Sequence[np.ndarray],
    most: int,
) -> Resampled:
    """The areas of the curves of several rules, by name. A rule matches like `height_matches`; images one by one."""

    def images() -> Iterator[tuple[list[Matched], list[int]]]:
        for of_image in zip(boxes, detections, ignored, strict=True):
            faces, found, excluded = ([each] for each in of_image)
            done = [rule(faces, found, ignored=excluded) for rule in rules.values()]
            yield [matched[0] for matched, _ in done], [int(count[0]) for _, count in done]

    return curve_figures(list(rules), images(), most)


def _wider_intervals(
    truth: WiderTruth, photos: Sequence[Photo], detections: Sequence[Detections], draws: Draws
) -> dict[str, Interval]:
    """Intervals of WIDER FACE's figures, over the official images: those that the dataset lacks count as missed."""
    names = {setting: f"wider {setting}" for setting in SETTINGS}
    if not photos:
        return _intervals(wider_figures(names, truth, detections), draws)
    place = {wider_image_name(p.path): k for k, p in enumerate(photos)}
    ordered = [detections[place[n]] if n in place else NO_DETECTIONS for n in truth.names]
    official = {place[name]: k for k, name in enumerate(truth.names) if name in place}
    groups = [group for each in draws.groups if (group := [official[k] for k in each if k in official])]
    groups += [[k] for k, name in enumerate(truth.names) if name not in place]
    return _intervals(wider_figures(names, truth, ordered), replace(draws, groups=groups))


def _renamed(figures: Resampled, prefix: str) -> Resampled:
    faces = {prefix + name: each for name, each in figures.faces.items()}
    return Resampled(faces, lambda counts: {prefix + name: v for name, v in figures.values(counts).items()})


def _intervals(figures: Resampled, draws: Draws) -> dict[str, Interval]:
    values = in_resamples(figures, draws)
    return {name: draws.interval(each, figures.faces[name]) for name, each in values.items()}
