"""Average precision by face height, and the published model card's metric, which is one of these."""

from collections.abc import Iterable, Sequence

import numpy as np

from facedet.common.boxes import overlaps
from facedet.data.structures import Detections
from facedet.evaluation.metrics.curve import Curve, Matched, curve_of
from facedet.evaluation.metrics.faces import right_and_wrong

HEIGHT_EDGES = (0, 16, 32, 64, 128, 256, np.inf)  # limits of the height ranges in reports, pixels of the original image
CARD_HEIGHTS = (64, 1024)  # height range of the card's metric, pixels: from the first to below the second


def height_range(lowest: float, highest: float) -> str:
    """A range of heights in words."""
    return f"{lowest:g} and more" if np.isinf(highest) else f"{lowest:g} to {highest:g}"


def ap64_curve(
    faces: Sequence[np.ndarray], detections: Sequence[Detections], ignored: Sequence[np.ndarray] | None = None
) -> Curve:
    """Curve whose `area` is the card's "AP for faces bigger than 64 x 64".

    faces: boxes [n, 4] x1 y1 x2 y2 of each image, in its pixels. All boxes are rounded to whole pixels, and faces are
    clipped to 0..1024.
    """
    matched, total = ap64_matches(faces, detections, ignored)
    return curve_of(matched, int(total.sum()))


def ap64_matches(
    faces: Sequence[np.ndarray], detections: Sequence[Detections], ignored: Sequence[np.ndarray] | None = None
) -> tuple[list[Matched], np.ndarray]:
    """What `ap64_curve` counts: the detections of each image, and its faces, int [images]."""
    whole = (np.rint(boxes.astype(np.float64)).clip(0, CARD_HEIGHTS[1]) for boxes in faces)
    found = (Detections(np.rint(d.boxes.astype(np.float64)), d.scores) for d in detections)
    return height_matches(whole, found, *CARD_HEIGHTS, ignored)


def height_curve(
    faces: Iterable[np.ndarray],
    detections: Iterable[Detections],
    lowest: float,
    highest: float,
    ignored: Sequence[np.ndarray] | None = None,
) -> Curve:
    """Curve at IoU 0.5 over the faces with a height from `lowest` to below `highest` pixels. All others are ignored.

    Detections are right and wrong by `right_and_wrong`.
    faces, detections: one per image. ignored: for each image bool [n], faces to ignore whatever their height.
    """
    matched, total = height_matches(faces, detections, lowest, highest, ignored)
    return curve_of(matched, int(total.sum()))


def height_matches(
    faces: Iterable[np.ndarray],
    detections: Iterable[Detections],
    lowest: float,
    highest: float,
    ignored: Sequence[np.ndarray] | None = None,
) -> tuple[list[Matched], np.ndarray]:
    """What `height_curve` counts: the detections of each image, and its faces, int [images]."""
    matched, total = [], []
    for k, (truth, found) in enumerate(zip(faces, detections, strict=True)):
        width, height = (truth[:, 2:] - truth[:, :2]).T
        counts = (height >= lowest) & (height < highest) & (height > 0) & (width > 0)
        if ignored is not None:
            counts &= ~ignored[k]
        total.append(int(counts.sum()))
        matched.append(_match(found, truth[counts], truth[~counts]))
    return matched, np.array(total, int)


def _match(found: Detections, faces: np.ndarray, others: np.ndarray) -> Matched:
    """Match the detections of an image with its faces [n, 4] that count. others: faces to ignore."""
    order = np.argsort(-found.scores, kind="stable")
    boxes = found.boxes[order]
    return Matched(
        found.scores[order], *right_and_wrong(overlaps(boxes, faces), overlaps(boxes, others, over_first=True))
    )
