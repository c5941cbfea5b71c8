"""Photos as a few arrays are the photos they were made of."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facedet.data.photos import Photos
from facedet.data.structures import Photo


def photo(name: str, count: int, classes: tuple[str, ...] = (), unread: str = "") -> Photo:
    boxes = np.arange(4 * count, dtype=np.float32).reshape(-1, 4) + len(name)
    return Photo(Path(name), 640 + count, 480, boxes, np.arange(count) % 2 == 1, classes, unread)


PHOTOS = [
    photo("a.jpg", 2, ("face", "")),
    photo("folder/ß 日本.png", 3),
    photo("/absolute/c", 0),
    photo("b\udcff.jpg", 1, ("head",), "its annotation cannot be read"),
    photo("a.jpg", 2, ("head", "face")),
    replace(photo("d.jpg", 3), occlusion=(-1, 0, 2)),
]


def values(one: Photo) -> tuple:
    return (
        one.path,
        one.width,
        one.height,
        one.boxes.tolist(),
        one.ignored.tolist(),
        one.classes,
        one.unread,
        one.occlusion,
    )


@pytest.mark.parametrize("copied", [False, True])
def test_photos_are_those_they_were_made_of(copied: bool) -> None:
    packed = Photos(iter(PHOTOS))
    packed = pickle.loads(pickle.dumps(packed)) if copied else packed
    assert [values(one) for one in packed] == [values(one) for one in PHOTOS]
    assert [values(one) for one in packed[3:0:-2]] == [values(one) for one in PHOTOS[3:0:-2]]
    assert values(packed[-1]) == values(packed[np.int64(5)]) == values(PHOTOS[-1])
    assert (packed[1].boxes.dtype, packed[1].ignored.dtype) == (np.float32, bool)
    with pytest.raises(IndexError):
        packed[6]


def test_no_photos_are_an_empty_sequence() -> None:
    assert (len(Photos()), list(Photos()), bool(Photos())) == (0, [], False)
    assert values(Photos([photo("a", 0)])[0]) == values(photo("a", 0))


def test_many_photos_are_few_objects() -> None:
    small, large = (Photos(photo(f"{k:06}.jpg", 10, ("face",) * 10) for k in range(count)) for count in (10, 3000))
    assert len(vars(small)) == len(vars(large))
    assert sum(isinstance(value, (list, dict, tuple)) and len(value) > 1 for value in vars(large).values()) == 0
    assert len(pickle.dumps(large)) <= 3000 * (10 * 22 + 10 + 40) + 5000
