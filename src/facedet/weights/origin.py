"""What is stored of the origin of imported weights."""

from dataclasses import dataclass, field

from facedet.weights.ir.distance import Distance

ORIGIN = "origin"  # the key in a checkpoint's `meta` whose value states what it was imported from


@dataclass(frozen=True)
class Origin:
    """Where imported weights come from.

    form: `snapshot`, or precision and kind of a graph, such as `f32 IR`. files: SHA-256 by name. frozen_norms: number
    of batch normalization layers without running mean and variance; training keeps them in eval mode. calibrated_on:
    number of images on which new ones were measured. left_out: why images were left out. proof: largest difference
    between checkpoint and graph before NMS. proof_as_stored: the same with the box weights and the box coder as the
    graph stores them. published: the name that `fetch` has for these files, empty if they are not published.
    """

    form: str
    files: dict[str, str]
    config: str
    frozen_norms: int = 0
    calibrated_on: int = 0
    left_out: list[str] = field(default_factory=list)
    proof: Distance | None = None
    proof_as_stored: Distance | None = None
    published: str = ""
