"""Pictures that stand more than once in a set, or in the set and in the one that validates it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from facedet.core.data.inspect.findings import Finding
from facedet.core.data.inspect.hashing import groups_of_near_duplicates, most_alike
from facedet.core.data.inspect.images import InspectedImage
from facedet.core.data.structures import Photo

_MOVED = 1.0  # pixels: boxes that differ by less are the same


@dataclass(frozen=True)
class Member:
    """A picture of one of the sets compared."""

    role: str
    photo: Photo
    seen: InspectedImage


def find_duplicates(members: Sequence[Member]) -> list[Finding]:
    """One finding for each picture that repeats an earlier one of its set, one for each of "val" that is in "set" too.

    A copy to the byte is not reported as a near duplicate again. Pictures that cannot be read are passed over.
    """
    readable = [member for member in members if not member.seen.error]
    by_digest: dict[str, list[Member]] = defaultdict(list)
    for member in readable:
        by_digest[member.seen.digest].append(member)
    findings = [finding for group in by_digest.values() for finding in _exact(group)]
    # the first of each set stands for its copies
    single = list({(m.seen.digest, m.role): m for m in reversed(readable)}.values())[::-1]
    for rows in groups_of_near_duplicates([member.seen.fingerprint for member in single]):
        findings += _near([single[k] for k in rows])
    return findings


def _exact(group: list[Member]) -> Iterator[Finding]:
    trained = [m for m in group if m.role == "set"]
    validated = [m for m in group if m.role == "val"]
    for ours in (trained, validated):
        for copy in ours[1:]:
            here, there = (int((~m.photo.ignored).sum()) for m in (copy, ours[0]))
            if _same_boxes(ours[0].photo, copy.photo):
                yield _finding("duplicate", copy, ours[0], "the same bytes")
            else:
                detail = f"the same bytes, {here} faces here and {there} there"
                yield _finding("contradiction", copy, ours[0], detail)
    for member in validated if trained else []:
        yield _finding("leak", member, trained[0], "the same bytes")


def _near(group: list[Member]) -> Iterator[Finding]:
    trained = [m for m in group if m.role == "set"]
    digests = {m.seen.digest for m in trained}
    for role in ("set", "val"):
        ours = [m for m in group if m.role == role]
        for copy in ours[1:]:
            yield _resembling("near-duplicate", copy, [m for m in ours if m is not copy])
    for member in group:
        if member.role == "val" and trained and member.seen.digest not in digests:
            yield _resembling("near-leak", member, trained)


def _resembling(kind: str, member: Member, others: list[Member]) -> Finding:
    best, bits = most_alike(member.seen.fingerprint, [other.seen.fingerprint for other in others])
    return _finding(kind, member, others[best], f"{bits} of 256 bits differ", weight=-bits)


def _finding(kind: str, member: Member, other: Member, detail: str, weight: float = 0.0) -> Finding:
    return Finding(kind, member.role, member.photo.path, detail, other=other.photo.path, weight=weight)


def _same_boxes(one: Photo, other: Photo) -> bool:
    first, second = (photo.boxes[~photo.ignored] for photo in (one, other))
    if first.shape != second.shape:
        return False
    first, second = (boxes[np.lexsort(boxes.T)] for boxes in (first, second))
    return bool(np.allclose(first, second, atol=_MOVED, rtol=0, equal_nan=True))
