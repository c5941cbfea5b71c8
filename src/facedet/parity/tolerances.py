"""Every tolerance of parity: how far two models may differ and still agree."""

from dataclasses import dataclass

from facedet.weights.ir.distance import TOLERANCE_F32, Distance
from facedet.weights.operating_point import DEFAULT_THRESHOLD


@dataclass(frozen=True)
class Tolerance:
    """Largest allowed difference of a coordinate, in pixels of the input, and of a score.

    faint: every box with a score above this must have a match. Of the low-score boxes, up to this score, some may have
    none: NMS can choose differently between two boxes with nearly equal scores.
    share: if given, `px` is not judged; this share of the boxes with a score above `faint` must have a match with an
    IoU of at least ALIKE_IOU and a score within `score`.
    """

    px: float
    score: float
    faint: float
    share: float | None = None

    def __str__(self) -> str:
        if self.share is not None:
            return f"{self.share:.0%} of shown boxes: IoU {ALIKE_IOU:g}, score {self.score:g}"
        return f"{self.px:g} px, {self.score:g}"


# By the stored precision of the weights; the models compute in float32 in every case. Rounded weights change the choice
# of NMS for more boxes, so with FP16 weights only boxes that are shown by default must have a match. INT8 moves every
# box a little, by more pixels the larger it is: IoU judges small and large boxes alike. The level stays the default: a
# file must not choose by its operating point how strictly it is judged.
TOLERANCES = {
    "f32": Tolerance(0.05, 1e-4, 0.05),
    "f16": Tolerance(0.5, 0.005, DEFAULT_THRESHOLD),
    "i8": Tolerance(0, 0.1, DEFAULT_THRESHOLD, share=0.9),
}
# A device in its default precision (f16 on GPUs and NPUs, bf16 on many CPUs), compared with float32 on the CPU: boxes
# move with their size there too.
ON_DEVICE = TOLERANCES["i8"]
ALIKE_IOU = 0.9

# Share of the low-score boxes that may have no match within the tolerance. After a few epochs of training, neighbouring
# boxes have so similar scores that NMS chose differently for 2 % of them in two runtimes whose values before NMS
# differed by 1e-4 px.
LOW_SCORE_UNMATCHED_SHARE = 0.05
LOW_SCORE_UNMATCHED_BOXES = 2  # allowed even if above that share: one different choice leaves one box on each side


def allowed_before_nms(tolerance: Tolerance) -> Distance:
    """Largest allowed difference of boxes and scores before NMS, given the tolerance for the detections.

    For float32 weights it is the tolerance with which an import is checked.
    """
    return TOLERANCE_F32 if tolerance == TOLERANCES["f32"] else Distance(tolerance.px, tolerance.score)
