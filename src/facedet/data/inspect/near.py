"""Find near-duplicates among many images. Few pairs are compared: those whose hashes agree in one of 256 keys."""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from facedet.data.inspect.hashing import MAX_DIFFERING_BITS, MIN_CORRELATION, Fingerprint
from facedet.data.inspect.pairs import close_pairs

# The bits of a hash are dealt to bands. If no more than 32 differ, then one of 17 bands has at most one of them, and
# the band without that bit is a key that both images have.
_BANDS = MAX_DIFFERING_BITS // 2 + 1
_MOST_PAIRS = 1 / 32  # of n * n, compared one by one; if more agree in a key, all are compared in blocks, which is fast
_AT_ONCE = 1 << 14  # pairs
_BLOCK = 1024  # images


class _Prints:
    """Bits uint64 [4, n] and thumbnails float32 [n, 256] of n images."""

    def __init__(self, prints: Sequence[Fingerprint]):
        self.bits = np.stack([one.bits for one in prints], axis=1)
        self.thumbnails = np.stack([one.thumbnail for one in prints])

    def differing(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Number of differing bits of pairs of images, int [m]."""
        return np.bitwise_count(self.bits[:, first] ^ self.bits[:, second]).sum(axis=0, dtype=np.int32)

    def near(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Which pairs are near-duplicates, bool [m]."""
        out = self.differing(first, second) <= MAX_DIFFERING_BITS
        for rows in np.split(found := np.flatnonzero(out), range(_AT_ONCE, len(found), _AT_ONCE)):
            one, other = self.thumbnails[first[rows]], self.thumbnails[second[rows]]
            out[rows] = np.einsum("ij,ij->i", one, other) >= MIN_CORRELATION
        return out

    def band_keys(self) -> Iterator[np.ndarray]:
        """256 keys, uint16 [n]: each band without one of its bits. The bands are interleaved: neighbours agree."""
        single = self.single_bits()
        for band in range(_BANDS):
            columns = single[:, band::_BANDS]
            places = 1 << np.arange(columns.shape[1])
            key = columns @ places
            yield from ((key & ~place).astype(np.uint16) for place in places)

    def single_bits(self) -> np.ndarray:
        """The bits, uint8 [n, 256]."""
        return np.unpackbits(self.bits.T.copy().view(np.uint8), axis=1)


def groups_of_near_duplicates(prints: Sequence[Fingerprint | None]) -> list[list[int]]:
    """Positions of near-duplicates, in groups of two or more. An image similar to any member belongs to the group."""
    known = [(k, one) for k, one in enumerate(prints) if one is not None]
    if len(known) < 2:
        return []
    group = _groups(_Prints([one for _, one in known]))
    positions = np.array([k for k, _ in known])
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order])) + 1
    return [positions[rows].tolist() for rows in np.split(order, starts) if len(rows) > 1]


def nearest(
    prints: Sequence[Fingerprint], section: np.ndarray, others: np.ndarray, asked: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For each image a similar one of its section, and their differing bits: int [n] and int [n].

    section: int [n]. others, asked: bool [n]: the images that may be named, and those that need one. The named one has
    the fewest differing bits of up to 512 candidates: for each key, the images before and after it in the key's order.
    -1 where the section has no other image.
    """
    images, place = _Prints(prints), np.arange(len(prints))
    best, fewest = np.full(len(place), -1), np.full(len(place), np.iinfo(np.int32).max)
    for key in images.band_keys():
        order = np.lexsort((key, section))
        for row in (order, order[::-1]):
            last = np.maximum.accumulate(np.where(others[row], place, -1))[:-1]
            pair = np.stack([row[1:], row[last]])[:, (last >= 0) & asked[row[1:]]]
            image, other = pair[:, section[pair[0]] == section[pair[1]]]
            differing = images.differing(image, other)
            fewer = differing < fewest[image]
            best[image[fewer]], fewest[image[fewer]] = other[fewer], differing[fewer]
    return best, fewest


def _groups(images: _Prints) -> np.ndarray:
    """The number of each image's group, int [n], ascending by the first image of a group."""
    group = np.arange(len(images.thumbnails))
    left = _MOST_PAIRS * len(group) ** 2
    for apart in (1, len(group)):  # neighbours first: they join most images, whose other pairs need no comparison
        for first, second in _candidates(images, group, apart):
            left -= len(first) if apart > 1 else 0
            if left < 0:
                break
            group[:] = _joined(images, group, first, second)
    if left < 0:
        for first, second in _all_pairs(images, group):
            group[:] = _joined(images, group, first, second)
    return group


def _joined(images: _Prints, group: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The groups [n] after those of near-duplicates among the pairs are joined."""
    apart = group[first] != group[second]
    first, second = first[apart], second[apart]
    near = images.near(first, second)
    if not near.any():
        return group
    links = group[first[near]], group[second[near]]
    size = len(group)
    return connected_components(coo_array((np.ones(near.sum(), bool), links), (size, size)), directed=False)[1][group]


def _candidates(images: _Prints, group: np.ndarray, apart: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of images with a common key, at most this far apart in the key's order. `group` may change meanwhile."""
    for key in images.band_keys():
        order = np.argsort(key, kind="stable")
        starts = np.flatnonzero(np.diff(key[order], prepend=-1))
        labels = group[order]
        mixed = np.minimum.reduceat(labels, starts) != np.maximum.reduceat(labels, starts)
        order = order[np.repeat(mixed, np.diff(starts, append=len(order)))]
        for first, second in close_pairs(key[order], apart=apart):
            yield order[first], order[second]


def _all_pairs(images: _Prints, group: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """All pairs of near-duplicates in two groups, from all pairs of images. `group` may change meanwhile."""
    signs, thumbnails = 2 * images.single_bits().astype(np.float32) - 1, images.thumbnails
    for start in range(0, len(group), _BLOCK):
        rows = slice(start, start + _BLOCK)
        near = signs[rows] @ signs[start:].T >= 256 - 2 * MAX_DIFFERING_BITS  # 256 if no bit differs
        near &= thumbnails[rows] @ thumbnails[start:].T >= MIN_CORRELATION
        near &= group[rows, None] != group[start:]
        first, second = np.nonzero(near)
        yield first + start, second + start
