"""The kinds of problems that a check can find in a dataset: whether they harm training, and what to do."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Kind:
    """A kind of finding. hurts: it harms training or makes validation results wrong."""

    title: str
    hurts: bool
    advice: str


@dataclass(frozen=True)
class Finding:
    """A problem in one image, or in the dataset as a whole.

    kind: a key of `KINDS`. role: "set", or "val" for the validation dataset. path: the image or the annotation file.
    boxes: the boxes with the problem, x1 y1 x2 y2 in pixels as annotated. other: the image that this one repeats.
    weight: sorts the findings of a kind, the largest is the worst.
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
        """Whether it harms training or makes validation results wrong."""
        return KINDS[self.kind].hurts


KINDS = {
    "entry": Kind("unreadable annotation", True, "Training leaves it out. Correct the annotation."),
    "no-faces": Kind("no face in the dataset", True, "There is nothing to learn from. Is it the right file?"),
    "picture": Kind("missing or broken image", True, "Restore the file or remove its annotation."),
    "size": Kind("annotated size is wrong", True, "The boxes were drawn at another size. Training leaves them out."),
    "nan": Kind("box with invalid numbers", True, "Training leaves it out and learns its face as background."),
    "outside": Kind("box outside the image", True, "Training leaves it out. Often x and y are swapped."),
    "no-area": Kind("box without area", True, "Training leaves it out and learns its face as background."),
    "repeated": Kind("box annotated twice", True, "Evaluation counts the second box as a missed face."),
    "too-large": Kind("box as large as the image", True, "Probably not a face. If it is one, mark it as ignored."),
    "too-small": Kind("box too small for a face", True, "No detail is left at the input size: mark it as ignored."),
    "contradiction": Kind("same image, different boxes", True, "Training gets contradictory labels: merge the two."),
    "leak": Kind("same image in training and validation", True, "Validation measures memorised images."),
    "near-leak": Kind(
        "near-duplicate in training and validation", True, "Validation results are too good: split again."
    ),
    "duplicate": Kind("same image twice", False, "It counts twice in training."),
    "near-duplicate": Kind("near-duplicate", False, "It counts almost twice. Keep both on one side of a split."),
    "remark": Kind("remark on the annotations", False, "Training goes on. Is it what you mean?"),
    "cut": Kind("box partly outside the image", False, "Training clips it to the image."),
    "small": Kind("small face", False, "Hard to detect at this input size."),
    "turned": Kind("image rotated by EXIF", False, "Boxes must refer to the image as it is displayed."),
}
