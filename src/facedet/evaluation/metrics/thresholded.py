"""What is shown above a threshold, in every resample of the images."""

from collections.abc import Sequence

import numpy as np

from facedet.evaluation.metrics.curve import Matched
from facedet.evaluation.metrics.ranking import rank
from facedet.evaluation.metrics.resampled import Resampled


def threshold_figures(images: Sequence[Matched], faces: np.ndarray, threshold: float) -> Resampled:
    """`recall`, `precision` and `false alarms` an image of the detections with a score above the threshold.

    faces: of each image, int [images]. A resample without faces has no recall, one that shows nothing no precision.
    """
    right, wrong = shown_above(images, threshold)

    def values(counts: np.ndarray) -> dict[str, np.ndarray]:
        hits, alarms = counts @ right, counts @ wrong
        return {
            "recall": _share(hits, counts @ faces),
            "precision": _share(hits, hits + alarms),
            "false alarms": _share(alarms, counts.sum(axis=1)),
        }

    return Resampled(dict.fromkeys(("recall", "precision", "false alarms"), faces), values)


def equal_alarms_figure(
    images: Sequence[Matched], faces: np.ndarray, allowed: Sequence[Matched], threshold: float, most: int
) -> Resampled:
    """`recall` of a model that shows as many detections as possible with no more false alarms than another.

    allowed: what the other shows above the threshold; of each resample again. most: how often an image may be in one.
    """
    ranked = rank(((each.scores, (each.right.astype(np.int8) - each.wrong)[None]) for each in images), most)
    _, limit = shown_above(allowed, threshold)

    def values(counts: np.ndarray) -> dict[str, np.ndarray]:
        ((hits, shown),) = ranked.right(counts)
        within = np.count_nonzero(shown - hits <= (counts @ limit)[:, None], axis=1)
        hits = np.hstack([np.zeros((len(hits), 1)), hits])
        return {"recall": _share(np.take_along_axis(hits, within[:, None], axis=1)[:, 0], counts @ faces)}

    return Resampled({"recall": faces}, values)


def shown_above(images: Sequence[Matched], threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Right and wrong detections of each image above a threshold, two times int [images]."""
    shown = [each.scores > threshold for each in images]
    right, wrong = (
        np.array([np.count_nonzero(getattr(each, kind) & above) for each, above in zip(images, shown, strict=True)])
        for kind in ("right", "wrong")
    )
    return right, wrong


def threshold_of_alarms(images: Sequence[Matched], allowed: int) -> float:
    """The lowest threshold above which there are at most so many false alarms; 0 if there are no more at all."""
    scores = np.sort(np.concatenate([each.scores[each.wrong] for each in images]))[::-1]
    return float(scores[allowed]) if len(scores) > allowed else 0.0


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
