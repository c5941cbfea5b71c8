"""How far two models may differ and still count as the same."""

from dataclasses import dataclass

from facedet.core.export.interface import SHOW_ABOVE

# Share of the faint boxes that may lack a partner. A model after a few epochs scores neighbours so alike that 2 %
# swapped between runtimes whose values before NMS were 1e-4 px apart.
FAINT_OFF = 0.05


@dataclass(frozen=True)
class Tolerance:
    """Largest difference allowed of a coordinate, in pixels of the input, and of a score.

    faint: up to this score a box may fall to a near tie in NMS; each one above must have its partner.
    """

    px: float
    score: float
    faint: float


# By the precision the weights are stored in; what is computed with is float32 in every case. Rounded weights decide
# more ties, so for them the boxes that are shown count.
TOLERANCES = {"f32": Tolerance(0.05, 1e-4, 0.05), "f16": Tolerance(0.5, 0.005, SHOW_ABOVE)}
