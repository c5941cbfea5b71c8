"""The published model card of face-detection-0206: its figures, and how it counts operations."""

from dataclasses import dataclass, field

# Operations per element of the output (convolutions: 2 per multiply-add). A fit: with these values the released model
# has the published 339.602 GFLOPs. SUM applies where two feature maps are added.
SUM, RELU, NORMALISE, AFFINE, MAX_POOL, UPSAMPLE, INPUT = 3, 2, 5, 2, 9, 1, 2


@dataclass(frozen=True)
class Card:
    """Published figures. Accuracies are in per cent, on WIDER FACE val."""

    million_parameters: float = 69.920
    gflops: float = 339.602
    ap64: float = 94.274
    wider: dict[str, float] = field(default_factory=lambda: {"easy": 94.281, "medium": 93.207, "hard": 84.439})
    coco: float = 34.2
