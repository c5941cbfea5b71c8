"""The accuracy that quantization must keep."""

from collections.abc import Sequence
from dataclasses import dataclass

from facedet.common.errors import UserError
from facedet.common.progress import Progress, silent
from facedet.data.image import read_image, to_tensor
from facedet.data.structures import Detections, Photo
from facedet.evaluation.draws import Draws, Prints, keep_prints
from facedet.evaluation.evaluate import ap_by_height
from facedet.evaluation.intervals import height_name
from facedet.evaluation.metrics.coco import average_precision
from facedet.export.int8 import Run
from facedet.export.interface import BOXES, LABELS
from facedet.inference.predict import predict
from facedet.inference.session import Session, to_image_detections
from facedet.inference.session_parts import join_outputs

ENOUGH_FACES = 10  # with fewer, one face is worth more than 0.1


@dataclass(frozen=True)
class Figure:
    """A measured accuracy, 0..1, and the share of it that one face is worth, which it may always lose."""

    value: float
    one_face: float = 0.0

    def drop(self, after: "Figure") -> float:
        """How much more than one face is lost."""
        return self.value - after.value - self.one_face


def gated_figures(photos: Sequence[Photo], detections: Sequence[Detections]) -> dict[str, Figure]:
    """COCO AP, and AP at IoU 0.5 of each height range with at least ENOUGH_FACES faces, by name."""
    boxes, ignored = [photo.boxes for photo in photos], [photo.ignored for photo in photos]
    ap = average_precision(photos, detections)["AP"]
    figures = {} if ap is None else {"AP": Figure(ap)}
    for height in ap_by_height(boxes, detections, ignored):
        if height.faces >= ENOUGH_FACES and height.ap is not None:
            name = height_name(height.lowest, height.highest)
            figures[name] = Figure(height.ap, 1 / height.faces)
    return figures


def largest_drop(before: dict[str, Figure], after: dict[str, Figure]) -> float:
    """The largest drop of any figure."""
    return max((figure.drop(after[name]) for name, figure in before.items()), default=0.0)


class AccuracyJudge:
    """`export.int8.Judge` on annotated photos; those that cannot be read are left out.

    photos, detections: the photos that were read, and what the float network detects in them. draws: their resamples.
    """

    def __init__(self, session: Session, photos: Sequence[Photo], progress: Progress = silent):
        prints: Prints = {}
        found, unreadable = predict(session, [photo.path for photo in photos], progress, keep_prints(prints))
        kept = [k for k in range(len(photos)) if k not in unreadable]
        self._session, self.left_out = session, list(unreadable.values())
        self.photos, self.detections = [photos[k] for k in kept], [found[k] for k in kept]
        self.images = len(kept)
        self.draws = Draws.of([photo.path for photo in self.photos], prints)
        if not gated_figures(self.photos, self.detections):
            raise UserError("--val: has no face to measure accuracy on")

    def drop(self, run: Run, images: Sequence[int]) -> tuple[float, list[float]]:
        found = [self._detect(run, self.photos[k]) for k in images]
        each = [self._drop([k], [detections]) for k, detections in zip(images, found, strict=True)]
        return self._drop(images, found), each

    def _drop(self, images: Sequence[int], found: Sequence[Detections]) -> float:
        photos, before = [self.photos[k] for k in images], [self.detections[k] for k in images]
        return largest_drop(gated_figures(photos, before), gated_figures(photos, found))

    def _detect(self, run: Run, photo: Photo) -> Detections:
        image = read_image(photo.path)
        outputs = run(to_tensor(image, self._session.size))
        return to_image_detections(
            join_outputs(self._session.path, outputs[BOXES], outputs[LABELS]), self._session, *image.shape[:2]
        )
