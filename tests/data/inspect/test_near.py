"""Near-duplicates among thousands of images: the groups that comparing all pairs gives, from far fewer pairs."""

import numpy as np
import pytest
from helpers.prints import chain, still, unrelated

from facedet.data.inspect import near
from facedet.data.inspect.hashing import MAX_DIFFERING_BITS, MIN_CORRELATION, Fingerprint


def all_pairs(prints: list[Fingerprint | None]) -> list[list[int]]:
    """Groups of near-duplicates, from comparing every image with every other."""
    known = [k for k, one in enumerate(prints) if one is not None]
    group = {k: {k} for k in known}
    for position, a in enumerate(known):
        for b in known[position + 1 :]:
            one, other = prints[a], prints[b]
            differing = np.bitwise_count(one.bits ^ other.bits).sum()
            if differing <= MAX_DIFFERING_BITS and one.thumbnail @ other.thumbnail >= MIN_CORRELATION:
                group[a] |= group[b]
                for member in group[b]:
                    group[member] = group[a]
    return sorted({tuple(sorted(members)) for members in group.values() if len(members) > 1})


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of pairs that are compared."""
    numbers: list[int] = []
    compare = near._Prints.near

    def counted(self: near._Prints, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        numbers.append(len(first))
        return compare(self, first, second)

    monkeypatch.setattr(near._Prints, "near", counted)
    return numbers


@pytest.mark.parametrize("seed", range(3))
def test_groups_are_those_of_all_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    copies = unrelated(rng, 40)
    at_the_limit = [_with_flipped(one, rng, differing) for one, differing in zip(copies, range(13, 53), strict=True)]
    parts = [*chain(rng, 150), *still(rng, 60), *chain(rng, 80), *unrelated(rng, 60, ones=0.02), *copies, *at_the_limit]
    prints = [parts[k] for k in rng.permutation(len(parts))]
    prints[5:5] = [None, None]
    expected = all_pairs(prints)
    assert len(expected) >= 20 + 3
    assert [tuple(group) for group in near.groups_of_near_duplicates(prints)] == expected


def _with_flipped(one: Fingerprint, rng: np.random.Generator, number: int) -> Fingerprint:
    single = np.unpackbits(one.bits.view(np.uint8))
    single[rng.choice(256, number, replace=False)] ^= 1
    return Fingerprint(np.packbits(single).view(np.uint64), one.thumbnail)


@pytest.mark.parametrize(("frames", "most"), [(chain, 100), (still, 10)])
def test_frames_of_one_scene_are_compared_with_few_others(frames, most: int, compared: list[int]) -> None:
    for count in (2000, 4000):
        compared.clear()
        (group,) = near.groups_of_near_duplicates(frames(np.random.default_rng(1), count))
        assert group == list(range(count))
        assert count - 1 <= sum(compared) <= most * count


def test_unrelated_images_are_compared_with_few_others(compared: list[int]) -> None:
    assert near.groups_of_near_duplicates(unrelated(np.random.default_rng(1), 4000)) == []
    assert sum(compared) <= 100 * 4000


def test_images_whose_hashes_alone_are_near_are_not_compared_one_by_one(compared: list[int]) -> None:
    assert near.groups_of_near_duplicates(unrelated(np.random.default_rng(1), 2000, ones=0.02)) == []
    assert sum(compared) <= 256 * 2000 + 2000**2 / 16


@pytest.mark.parametrize("frames", [chain, still])
def test_a_near_image_is_named(frames) -> None:
    prints = frames(np.random.default_rng(2), 3000)
    section, val = np.arange(3000) // 1500, np.arange(3000) % 2 == 1
    best, differing = near.nearest(prints, section, ~val, val)
    assert (best[~val] == -1).all()
    assert (section[best[val]] == section[val]).all()
    assert not val[best[val]].any()
    assert differing[val].max() <= MAX_DIFFERING_BITS
    bits = np.stack([one.bits for one in prints])
    assert (np.bitwise_count(bits[val] ^ bits[best[val]]).sum(axis=1) == differing[val]).all()


def test_an_image_alone_in_its_section_has_no_near_one() -> None:
    prints = unrelated(np.random.default_rng(3), 3)
    every = np.ones(3, bool)
    assert near.nearest(prints, np.array([0, 1, 1]), every, every)[0].tolist() == [-1, 2, 1]
