"""What of a dataset could not be used, and when that is too much: one account and one rule for all."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from facedet.common.errors import UserError, one_line

_SHARE = 0.01  # of all, above which losses are too many
_SHOWN = 3  # reasons in a message


class Lost(StrEnum):
    """What was lost.

    An image that is missing, unreadable, or whose annotation could not be read completely: it is not used, not even as
    background. A box without area or outside its image, which stays, or that belongs to no image. An annotation that is
    no box and stands for no face, such as a tag of the image. A name in a list that no image has. The class name of a
    box, which stays, that a format cannot hold. A remark costs nothing that is annotated, such as a name that
    contradicts another one, or images without an annotation: only a check shows it.
    """

    IMAGE = "image"
    BOX = "box"
    ANNOTATION = "annotation"
    NAME = "listed name"
    CLASS = "class name"
    REMARK = "remark"


@dataclass(frozen=True)
class Loss:
    """One thing that could not be used. file: the image, annotation file or list."""

    kind: Lost
    file: Path
    reason: str

    def __str__(self) -> str:
        return one_line(f"{self.file}: {self.reason}")

    @classmethod
    def of_error(cls, kind: Lost, file: Path, error: UserError) -> "Loss":
        """The loss that an error about this file caused."""
        return cls(kind, file, error.without(file))


def too_many(lost: int, total: int) -> bool:
    """Whether losing so many of all is too much: more than one, and more than 1 %."""
    return lost > 1 and lost > _SHARE * total


def refuse_many(
    losses: Sequence[Loss],
    used: dict[Lost, int],
    where: Path,
    problem: str = "cannot be used",
    advice: str = "repair them (`facedet data check` lists all)",
) -> None:
    """Raise UserError if too many things of a kind were lost. used: how many of each kind were not."""
    for kind, count in used.items():
        lost = [loss for loss in losses if loss.kind == kind]
        total = len(lost) + count
        if too_many(len(lost), total):
            reasons = "; ".join(str(loss) for loss in lost[:_SHOWN])
            raise UserError(
                f"{where}: {len(lost)} of {total} {_plural(kind)} {problem}, more than 1 % ({reasons}"
                f"{'; ...' if len(lost) > _SHOWN else ''}); {advice}, or go on without them: --allow-losses"
            )


def _plural(kind: Lost) -> str:
    return "boxes" if kind == Lost.BOX else f"{kind}s"
