"""How far apart the boxes and scores of two models are, and how far they may be."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Distance:
    """Largest difference of a box coordinate, in pixels of the input, and of a score."""

    px: float
    score: float

    def within(self, allowed: "Distance") -> bool:
        """Whether both are at most the allowed ones. NaN is not."""
        return self.px <= allowed.px and self.score <= allowed.score

    def __str__(self) -> str:
        return f"{self.px:.2g} px, {self.score:.2g} of score"


# For graphs with float32 constants. The original code and its own IR differ by 8e-3 px and 2.1e-5.
TOLERANCE_F32 = Distance(2e-2, 5e-5)
# For graphs with float16 constants. Each level's copy of the box weights is rounded separately, but one weight has to
# serve all levels; the constants that turn deltas into boxes are rounded too.
TOLERANCE_F16 = Distance(0.5, 5e-5)
