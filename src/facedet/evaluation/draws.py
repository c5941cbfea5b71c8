"""How images are resampled for intervals: near-duplicates together, as `data check` finds them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from facedet.common.errors import UserError
from facedet.common.parallel import map_ahead
from facedet.common.progress import Progress
from facedet.data.image import read_image
from facedet.data.inspect.hashing import Fingerprint, fingerprint
from facedet.data.inspect.near import groups_of_near_duplicates
from facedet.data.storage import is_file
from facedet.evaluation.metrics.bootstrap import LEVEL, RESAMPLES, count_chunks, interval

# With fewer, an interval promises more than it holds: bench/results/interval_coverage.txt
MIN_IMAGES, MIN_FACES = 10, 20

Prints = dict[Path, Fingerprint | None]  # of the images that were read


def keep_prints(prints: Prints) -> Callable[[Path, np.ndarray], None]:
    """What `predict` is given to look at each image that it reads."""

    def look(path: Path, image: np.ndarray) -> None:
        prints[path] = fingerprint(image)

    return look


def read_prints(paths: Sequence[Path], progress: Progress) -> Prints:
    """Read images only to compare them; those that cannot be read are left out."""
    if not paths or not is_file(paths[0]):  # stored predictions can be evaluated without the images
        return {}

    def read(path: Path) -> tuple[Path, Fingerprint | None] | None:
        try:
            return path, fingerprint(read_image(path))
        except UserError:
            return None

    return dict(filter(None, map_ahead(read, progress(paths, "compare images"))))


@dataclass(frozen=True)
class Interval:
    """The 95 % interval of a figure, from `low` to `high`; both None if it counts too few faces or images, or has no
    value.

    faces: how many it counts. images: how many have such faces; near-duplicates count once.
    """

    low: float | None
    high: float | None
    faces: int
    images: int

    def words(self, scale: float = 100, digits: int = 1) -> str:
        """The limits, in per cent unless another scale is given, or why there are none."""
        if self.faces < MIN_FACES:
            return "too few faces"
        if self.images < MIN_IMAGES:
            return "too few images"
        if self.low is None or self.high is None:
            return "none"
        return " to ".join(f"{scale * limit:.{digits}f}" for limit in (self.low, self.high))


def _of_equals(value: float, images: int, lowest: float, highest: float) -> tuple[float, float]:
    """The interval of a figure that all images agree on: so many may be unlike them, and none of those be drawn."""
    unseen = 1 - ((1 - LEVEL) / 2) ** (1 / images)
    return max(value - unseen, lowest), min(value + unseen, highest)


@dataclass(frozen=True)
class Draws:
    """The resamples of a set of images; iterating gives their counts, int [n, images], in chunks.

    groups: indices of images that are drawn together, each image in one. compared: how many images were compared to
    find near-duplicates; the others are drawn one by one.
    """

    groups: list[list[int]]
    compared: int
    resamples: int = RESAMPLES
    seed: int = 0

    @classmethod
    def of(cls, paths: Sequence[Path], prints: Prints, resamples: int = RESAMPLES) -> "Draws":
        """For images and the fingerprints of those that were read."""
        groups = groups_of_near_duplicates([prints.get(path) for path in paths])
        grouped = {k for group in groups for k in group}
        single = [[k] for k in range(len(paths)) if k not in grouped]
        return cls(groups + single, sum(path in prints for path in paths), resamples)

    def __iter__(self) -> Iterator[np.ndarray]:
        return count_chunks(self.groups, self.resamples, self.seed)

    @cached_property
    def most(self) -> int:
        """How often an image is in a resample at most."""
        return max((int(counts.max()) for counts in self), default=0)

    @property
    def images(self) -> int:
        return sum(map(len, self.groups))

    def interval(self, values: np.ndarray, faces: np.ndarray, lowest: float = 0.0, highest: float = 1.0) -> Interval:
        """Of a figure in all resamples. faces: that it counts, int [images]. lowest, highest: possible values."""
        number, images = int(faces.sum()), sum(bool(faces[group].any()) for group in self.groups)
        enough = number >= MIN_FACES and images >= MIN_IMAGES
        low, high = (enough and interval(values, units=images)) or (None, None)
        if low is not None and low == high:
            low, high = _of_equals(low, images, lowest, highest)
        return Interval(low, high, number, images)

    def as_dict(self) -> dict:
        """Plain values for JSON."""
        head = {"level": LEVEL, "resamples": self.resamples, "seed": self.seed, "images": self.images}
        return {**head, "groups": len(self.groups), "compared_images": self.compared}

    def __str__(self) -> str:
        many = [group for group in self.groups if len(group) > 1]
        head = f"{100 * LEVEL:g} % intervals by {self.resamples:,} resamples of {self.images:,} images"
        if self.compared < self.images:
            return f"{head}; {self.images - self.compared:,} could not be compared: near-duplicates count as different"
        if many:
            return (
                f"{head}; {sum(map(len, many)):,} of them are near-duplicates, drawn together in groups: {len(many):,}"
            )
        return head
