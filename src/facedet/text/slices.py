"""Slices as text for the terminal: those that stand out, and all of the user's own attributes."""

from collections.abc import Sequence

from facedet.evaluation.attributes import PREFIX
from facedet.evaluation.draws import MIN_FACES, MIN_IMAGES
from facedet.evaluation.slices import ComparedSlice, Slice, Slices
from facedet.text.columns import columns

_ENOUGH = f"{MIN_FACES} faces in {MIN_IMAGES} images"


def slices_table(done: Slices) -> str:
    """The slices that detect clearly fewer faces than the whole dataset."""
    if done.recall is None:
        return ""
    listed = [*done.below, *(each for each in done.all if each.by.startswith(PREFIX) and each not in done.below)]
    whole = f"recall of all faces above a score of {done.threshold:g}: {_percent(done.recall)}"
    many = f"{len(done.below)} slice{'s are' if len(done.below) > 1 else ' is'}" if done.below else "no slice is"
    head = f"{whole}; {many} clearly below it (of those with {_ENOUGH} or more)"
    if not listed:
        return head
    return "\n".join([head, columns([("slice", "faces", "recall", "", "AP50"), *map(_row, listed)])])


def compared_slices_table(slices: Sequence[ComparedSlice]) -> str:
    """The slices in which the models clearly differ."""
    differ = [each for each in slices if each.differs]
    listed = [*differ, *(each for each in slices if each.by.startswith(PREFIX) and each not in differ)]
    if not listed:
        return f"no slice of {_ENOUGH} or more has clearly another recall"
    rows = [("slice", "faces", "recall, first", "second", "difference")]
    return "\n".join(["recall by slice:", columns([*rows, *map(_compared_row, listed)])])


def _row(each: Slice) -> tuple[str, ...]:
    name, faces = f"{each.by}: {each.name}", f"{each.faces:,}"
    if each.recall is None or each.interval is None:
        return name, faces, f"{each.detected} of {each.faces}", "too few to judge", ""
    ap = "none" if each.ap50 is None else _percent(each.ap50)
    return name, faces, _percent(each.recall), "({} to {})".format(*map(_percent, each.interval)), ap


def _compared_row(each: ComparedSlice) -> tuple[str, ...]:
    name, faces = f"{each.by}: {each.name}", f"{each.faces:,}"
    if each.recalls is None or each.difference is None:
        return name, faces, *map(str, each.detected), "too few to judge"
    low, high = (f"{100 * value:+.1f}" for value in each.difference)
    return name, faces, *map(_percent, each.recalls), f"{low} to {high} points"


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"
