"""What a check of a set can find: every kind, whether it would hurt a training, and what to do about it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Kind:
    """A kind of finding: how it is called, whether it would hurt a training, what it means for one."""

    title: str
    hurts: bool
    advice: str


@dataclass(frozen=True)
class Finding:
    """Something found in one picture, or in the set as a whole.

    kind: a key of `KINDS`. role: "set", or "val" for the set that validates. path: the picture, or the annotation.
    boxes: those concerned, x1 y1 x2 y2 in pixels as annotated. other: the picture that this one repeats.
    weight: findings of a kind with a larger one are worse.
    """

    kind: str
    role: str
    path: Path
    detail: str
    boxes: tuple[tuple[float, ...], ...] = ()
    other: Path | None = None
    weight: float = 0.0

    @property
    def hurts(self) -> bool:
        """Whether it would hurt a training or falsify its validation."""
        return KINDS[self.kind].hurts


KINDS = {
    "entry": Kind("annotation entry unreadable", True, "A training leaves it out; correct the annotation."),
    "no-faces": Kind("no face in the whole set", True, "There is nothing to learn from: is it the right file?"),
    "picture": Kind("picture missing or broken", True, "Fetch the file anew, or take its entry out."),
    "size": Kind("size annotated is not the file's", True, "The boxes were drawn on another picture: left out."),
    "nan": Kind("box without numbers", True, "A training leaves it out, and its face counts as background."),
    "outside": Kind("box outside the picture", True, "A training leaves it out; often x and y are exchanged."),
    "no-area": Kind("box without area", True, "A training leaves it out, and its face counts as background."),
    "repeated": Kind("box annotated twice", True, "Finding the face once counts as a miss of the second box."),
    "too-large": Kind("box as large as the picture", True, "Hardly a face; if it is one, mark it as ignored."),
    "too-small": Kind("box too small for a face", True, "Nothing is left of it at the input: mark it as ignored."),
    "contradiction": Kind("same picture, other boxes", True, "What one teaches the other punishes: merge the two."),
    "leak": Kind("same picture in both sets", True, "Validation measures what was learnt by heart."),
    "near-leak": Kind("near duplicate in both sets", True, "Validation flatters; a split keeps them on one side."),
    "duplicate": Kind("same picture twice", False, "It counts double."),
    "near-duplicate": Kind("near duplicate", False, "It counts almost double; keep it on one side of a split."),
    "cut": Kind("box partly outside", False, "A training clips it to the picture."),
    "small": Kind("small face", False, "Hardly to be found at this input size."),
    "turned": Kind("turned by EXIF", False, "Boxes are taken to refer to the picture as it is displayed."),
}
