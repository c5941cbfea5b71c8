"""Near-duplicates are found, different images are not."""

from pathlib import Path

import numpy as np
from helpers.datasets import altered_copy

from facedet.data.image import SUFFIXES, read_image
from facedet.data.inspect.hashing import MAX_DIFFERING_BITS, fingerprint
from facedet.data.inspect.near import groups_of_near_duplicates, nearest
from facedet.data.synthetic import draw_image


def test_copies_are_found_and_different_images_are_not() -> None:
    rng = np.random.default_rng(3)
    images = [draw_image(rng)[0] for _ in range(40)]
    flat = [np.full((50, 60, 3), grey, np.uint8) for grey in (10, 10, 200)]
    almost_flat = [np.full((320, 400, 3), 90, np.uint8) for _ in range(2)]
    almost_flat[0][40:90, 40:90] = almost_flat[1][200:250, 300:350] = 220
    prints = [fingerprint(image) for image in [*images, *flat, *almost_flat]]
    assert groups_of_near_duplicates(prints) == []
    copies = [fingerprint(altered_copy(image)) for image in images]
    assert sorted(groups_of_near_duplicates(prints + copies)) == [[k, k + len(prints)] for k in range(40)]
    val = np.arange(80) >= 40
    best, _ = nearest(prints[:40] + copies, np.zeros(80, int), ~val, val)
    assert best.tolist() == [*[-1] * 40, *range(40)]


def test_copies_of_photographs_are_found_and_different_ones_are_not(faces: Path) -> None:
    paths = sorted(p for p in (faces / "images").iterdir() if p.suffix in SUFFIXES)
    images = [read_image(path) for path in paths]
    prints = [fingerprint(image) for image in images]
    # of the 105, two are one photograph with and without its background, and two were taken moments apart
    repeated = [[paths[k].stem.strip("maks") for k in group] for group in groups_of_near_duplicates(prints)]
    assert sorted(repeated) == [["287", "478"], ["485", "87"]]
    copies = [fingerprint(altered_copy(image)) for image in images]
    found = groups_of_near_duplicates(prints + copies)
    together = {k for group in found for k in group if k + len(prints) in group}
    assert together == set(range(len(prints)))
    differing = [np.bitwise_count(a.bits ^ b.bits).sum() for a, b in zip(copies, prints, strict=True)]
    assert max(differing) <= MAX_DIFFERING_BITS
