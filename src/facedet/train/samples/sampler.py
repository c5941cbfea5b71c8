"""Which image each training step uses, and how its view is drawn: a function of seed, epoch and position alone."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from torch.utils.data import Sampler


class Place(NamedTuple):
    """One sample of a training run.

    image: its index. seed: of its view. progress: of the run, 0..1. size: width and height of the view, pixels; None
    for the input size of the config.
    """

    image: int
    seed: int
    progress: float = 0.0
    size: int | None = None


class OrderSampler(Sampler[Place]):
    """The samples of a rank, in the order of its batches.

    images: number of images. batch_size: images of one rank in one iteration; world_size ranks share an iteration, and
    `accumulate` iterations make one step of the optimizer. A pass goes over all epochs. shuffle: a new order in each
    epoch. Every batch is full: the last ones of an epoch repeat the start of its order. The order is independent of the
    number of ranks, and each position has its own seed, so a run that stopped at any iteration continues with the same
    views.

    parts: if the images are several datasets in sequence, for each the number of its images and how many an epoch uses:
    all of them equally often, and a random choice once more.

    sizes: each step draws one of them for its views, until `full_size_from`, a share of the run. Smaller views are
    faster, and faces of more sizes are seen.
    """

    def __init__(
        self,
        images: int,
        batch_size: int,
        epochs: int,
        seed: int = 0,
        *,
        shuffle: bool = True,
        rank: int = 0,
        world_size: int = 1,
        accumulate: int = 1,
        parts: Sequence[tuple[int, int]] = (),
        sizes: Sequence[int] = (),
        full_size_from: float = 1.0,
    ):
        self.parts = parts or [(images, images)]
        self.images = sum(used for _, used in self.parts)
        self.batch_size, self.epochs, self.seed = batch_size, epochs, seed
        self.shuffle, self.rank, self.world_size = shuffle, rank, world_size
        self.sizes, self.full_size_from, self.accumulate = sizes, full_size_from, accumulate
        steps = -(-self.images // (batch_size * world_size * accumulate))
        self.iterations = steps * accumulate  # of an epoch
        self.begin(0, 0)

    def begin(self, epoch: int, iteration: int) -> None:
        """Let the next pass start at an iteration of an epoch. Decodes nothing."""
        self.epoch, self.first = epoch, iteration

    def __len__(self) -> int:
        return ((self.epochs - self.epoch) * self.iterations - self.first) * self.batch_size

    def __iter__(self) -> Iterator[Place]:
        """From where `begin` says to the end of the last epoch."""
        first = self.first
        for epoch in range(self.epoch, self.epochs):
            yield from self._epoch(epoch, first)
            first = 0

    def _epoch(self, epoch: int, first: int) -> Iterator[Place]:
        generator = np.random.default_rng((self.seed, epoch))
        order = self._images(generator)
        if self.shuffle:
            order = order[generator.permutation(self.images)]
        together = self.batch_size * self.world_size
        for iteration in range(first, self.iterations):
            progress = (epoch + iteration / self.iterations) / self.epochs
            size = self._size(epoch, iteration // self.accumulate) if progress < self.full_size_from else None
            begin = iteration * together + self.rank * self.batch_size
            for position in range(begin, begin + self.batch_size):
                seed = np.random.SeedSequence((self.seed, epoch, position)).generate_state(1)[0]
                yield Place(int(order[position % self.images]), int(seed), progress, size)

    def shares_of_sizes(self, progress: float) -> dict[int | None, float]:
        """Share of the steps from `progress` of the run to its end that use each size; None is the full size."""
        small = max(0.0, self.full_size_from - progress) / (1 - progress) if self.sizes and progress < 1 else 0.0
        shares: dict[int | None, float] = {
            size: small * count / len(self.sizes) for size, count in Counter(self.sizes).items() if small
        }
        return shares | ({None: 1 - small} if small < 1 else {})

    def _images(self, generator: np.random.Generator) -> np.ndarray:
        """The images of an epoch, dataset by dataset."""
        chosen: list[np.ndarray] = []
        first = 0
        for images, used in self.parts:
            chosen.append(first + np.arange(used - used % images) % images)
            if used % images:
                chosen.append(first + generator.choice(images, used % images, replace=False))
            first += images
        return np.concatenate(chosen)

    def _size(self, epoch: int, step: int) -> int | None:
        if not self.sizes:
            return None
        return int(np.random.default_rng((self.seed, epoch, step, 1)).choice(self.sizes))
