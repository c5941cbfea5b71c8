"""Find images that are in a dataset more than once, or in both the training and the validation dataset."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from facedet.data.inspect.findings import Finding
from facedet.data.inspect.hashing import groups_of_near_duplicates, most_similar
from facedet.data.inspect.images import InspectedImage
from facedet.data.structures import Photo

_SAME_BOX = 1.0  # pixels: boxes that differ by less are the same


@dataclass(frozen=True)
class DatasetImage:
    """An image of one of the checked datasets. role: "set" or "val", as in `Finding`."""

    role: str
    photo: Photo
    inspected: InspectedImage


def check_duplicates(images: Sequence[DatasetImage]) -> list[Finding]:
    """Return one finding for each repetition of an earlier image, and for each "val" image that is also in "set".

    An exact copy is not reported again as a near-duplicate. Unreadable images are not compared.
    """
    readable = [image for image in images if not image.inspected.error]
    by_digest: dict[str, list[DatasetImage]] = defaultdict(list)
    for image in readable:
        by_digest[image.inspected.digest].append(image)
    findings = [finding for copies in by_digest.values() for finding in _check_exact(copies)]
    # of exact copies within a dataset, only the first is compared for near-duplicates
    distinct = list({(i.inspected.digest, i.role): i for i in reversed(readable)}.values())[::-1]
    for rows in groups_of_near_duplicates([image.inspected.fingerprint for image in distinct]):
        findings += _check_near([distinct[k] for k in rows])
    return findings


def _check_exact(group: list[DatasetImage]) -> Iterator[Finding]:
    train = [image for image in group if image.role == "set"]
    val = [image for image in group if image.role == "val"]
    for images in (train, val):
        for copy in images[1:]:
            faces, first_faces = (int((~image.photo.ignored).sum()) for image in (copy, images[0]))
            if same_boxes(images[0].photo, copy.photo):
                yield _finding("duplicate", copy, images[0], "identical files")
            else:
                detail = f"identical files; faces: {faces} in this one, {first_faces} in the other"
                yield _finding("contradiction", copy, images[0], detail)
    for image in val if train else []:
        yield _finding("leak", image, train[0], "identical files")


def _check_near(group: list[DatasetImage]) -> Iterator[Finding]:
    train = [image for image in group if image.role == "set"]
    train_digests = {image.inspected.digest for image in train}
    for role in ("set", "val"):
        images = [image for image in group if image.role == role]
        for copy in images[1:]:
            yield _near_finding("near-duplicate", copy, [image for image in images if image is not copy])
    for image in group:
        if image.role == "val" and train and image.inspected.digest not in train_digests:
            yield _near_finding("near-leak", image, train)


def _near_finding(kind: str, image: DatasetImage, others: list[DatasetImage]) -> Finding:
    best, bits = most_similar(image.inspected.fingerprint, [other.inspected.fingerprint for other in others])
    return _finding(kind, image, others[best], f"{bits} of 256 hash bits differ", weight=-bits)


def _finding(kind: str, image: DatasetImage, other: DatasetImage, detail: str, weight: float = 0.0) -> Finding:
    return Finding(kind, image.role, image.photo.path, detail, other=other.photo.path, weight=weight)


def same_boxes(one: Photo, other: Photo) -> bool:
    """Whether two photos have the same faces that are not ignored, in any order, to a pixel."""
    first, second = (photo.boxes[~photo.ignored] for photo in (one, other))
    if first.shape != second.shape:
        return False
    first, second = (boxes[np.lexsort(boxes.T)] for boxes in (first, second))
    return bool(np.allclose(first, second, atol=_SAME_BOX, rtol=0, equal_nan=True))
