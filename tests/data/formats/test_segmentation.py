"""The box around a COCO segmentation."""

from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from facedet.data.formats.segmentation import box_of_segmentation


def random_mask(seed: int) -> np.ndarray:
    """A rectangle with holes somewhere in an image of a random size."""
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 60, 2)
    mask = np.zeros((height, width), np.uint8, order="F")
    (top, bottom), (left, right) = (np.sort(rng.integers(0, side + 1, 2)) for side in (height, width))
    mask[top:bottom, left:right] = rng.random((bottom - top, right - left)) < rng.choice([0.02, 0.5, 1])
    mask[rng.integers(height), rng.integers(width)] = 1
    return mask


def runs_of(mask: np.ndarray) -> list[int]:
    """The lengths of the runs of zeros and ones, down the columns, zeros first."""
    pixels = mask.ravel(order="F")
    edges = np.flatnonzero(np.diff(pixels)) + 1
    return ([0] if pixels[0] else []) + np.diff([0, *edges, len(pixels)]).tolist()


@pytest.mark.parametrize("compressed", [False, True])
def test_the_box_of_a_mask_encloses_its_pixels_as_in_pycocotools(compressed: bool) -> None:
    for seed in range(200):
        mask = random_mask(seed)
        encoded = coco_mask.encode(mask)
        counts = encoded["counts"].decode() if compressed else runs_of(mask)
        rows, columns = mask.nonzero()
        expected = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        x, y, width, height = coco_mask.toBbox(encoded)
        assert expected == [x, y, x + width, y + height]
        assert box_of_segmentation({"size": list(mask.shape), "counts": counts}) == expected, seed


def test_long_runs_are_decompressed() -> None:
    mask = np.zeros((3000, 2000), np.uint8, order="F")
    mask[10:2900, 1000:1900] = 1
    counts = coco_mask.encode(mask)["counts"].decode()
    assert box_of_segmentation({"size": [3000, 2000], "counts": counts}) == [1000, 10, 1900, 2900]


@pytest.mark.parametrize(
    ("polygons", "box"),
    [([[1, 2, 5, 2, 3, 9]], [1, 2, 5, 9]), ([[1, 2, 5, 2, 3, 9], [7.5, 0, 8, 1, 7, 3]], [1, 0, 8, 9]),
     ([["1", "2", "5", "6"]], [1, 2, 5, 6])],
)  # fmt: skip
def test_the_box_of_polygons_encloses_all_their_points(polygons: list, box: list) -> None:
    assert box_of_segmentation(polygons) == box


@pytest.mark.parametrize(
    ("segmentation", "reason"),
    [
        ("polygon", "neither polygons nor a mask"),
        ({"size": [2, 2]}, "neither polygons nor a mask"),
        (3, "neither polygons nor a mask"),
        ([], "0 coordinates enclose no box"),
        ([[]], "0 coordinates enclose no box"),
        ([[1, 2]], "2 coordinates enclose no box"),
        ([[1, 2, 3, 4, 5], [1, 2, 3, 4, 5]], "5 coordinates enclose no box"),
        ([1, 2, 3, 4], "not numbers: 1"),
        ([[1, 2, None, 4]], r"not numbers: \[1, 2, None, 4\]"),
        ([[1, 2, float("nan"), 4]], r"not finite numbers: \[1, 2, nan, 4\]"),
        ({"counts": [1, 3]}, "not numbers: None"),
        ({"size": [2], "counts": [1, 3]}, r"1 numbers instead of 2: \[2\]"),
        ({"size": [2, 2], "counts": [1, 2]}, "its mask does not have 2x2 pixels"),
        ({"size": [2, 2], "counts": [1, -1, 4]}, "its mask does not have 2x2 pixels"),
        ({"size": [2, 2], "counts": []}, "its mask does not have 2x2 pixels"),
        ({"size": [-2, -2], "counts": [1, 3]}, "its mask does not have -2x-2 pixels"),
        ({"size": [0, 0], "counts": [0]}, "its mask does not have 0x0 pixels"),
        ({"size": [2, 2], "counts": [4]}, "its mask is empty"),
        ({"size": [2, 2], "counts": None}, "not numbers: None"),
        ({"size": [2, 2], "counts": "1 3"}, "characters that no compressed mask has"),
        ({"size": [2, 2], "counts": "\u00e9"}, "characters that no compressed mask has"),
        ({"size": [2, 2], "counts": ""}, "its mask does not have 2x2 pixels"),
        ({"size": [2, 2], "counts": "1o"}, "its mask does not have 2x2 pixels"),
    ],
)
def test_a_malformed_segmentation_is_refused(segmentation: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        box_of_segmentation(segmentation)
