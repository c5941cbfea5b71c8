"""Find images that are in a dataset more than once, or in both the training and the validation dataset."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from facedet.data.inspect.findings import Finding
from facedet.data.inspect.images import InspectedImage
from facedet.data.inspect.near import groups_of_near_duplicates, nearest
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
    groups = groups_of_near_duplicates([image.inspected.fingerprint for image in distinct])
    if groups:
        findings += _check_near([distinct[k] for rows in groups for k in rows], [len(rows) for rows in groups])
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


def _check_near(images: list[DatasetImage], sizes: list[int]) -> Iterator[Finding]:
    """The findings about groups of near-duplicates. images: of one group after the other. sizes: of the groups."""
    prints = [image.inspected.fingerprint for image in images if image.inspected.fingerprint]
    group = np.repeat(np.arange(len(sizes)), sizes)
    val = np.array([image.role == "val" for image in images])
    side = 2 * group + val
    copies = np.ones(len(images), bool)
    copies[np.unique(side, return_index=True)[1]] = False
    train_digests = {image.inspected.digest for image in images if image.role == "set"}
    leaks = val & [image.inspected.digest not in train_digests for image in images]
    for kind, section, others, asked in (
        ("near-duplicate", side, np.ones(len(images), bool), copies),
        ("near-leak", group, ~val, leaks),
    ):
        for image, other, bits in zip(images, *nearest(prints, section, others, asked), strict=True):
            if other >= 0:
                yield _finding(kind, image, images[other], f"{bits} of 256 hash bits differ", weight=-int(bits))


def _finding(kind: str, image: DatasetImage, other: DatasetImage, detail: str, weight: float = 0.0) -> Finding:
    return Finding(kind, image.role, image.photo.path, detail, other=other.photo.path, weight=weight)


def same_boxes(one: Photo, other: Photo) -> bool:
    """Whether two photos have the same faces that are not ignored, in any order, to a pixel."""
    first, second = (photo.boxes[~photo.ignored] for photo in (one, other))
    if first.shape != second.shape:
        return False
    first, second = (boxes[np.lexsort(boxes.T)] for boxes in (first, second))
    return bool(np.allclose(first, second, atol=_SAME_BOX, rtol=0, equal_nan=True))
