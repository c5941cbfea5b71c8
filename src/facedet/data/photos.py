"""Many photos as a few arrays: processes that are copies of one share them, and objects would be copied when used."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import overload

import numpy as np

from facedet.data.structures import NOT_STATED, Photo


class Photos(Sequence[Photo]):
    """An unchangeable sequence of photos. A photo is made when it is needed, with boxes float32 and views of arrays."""

    def __init__(self, photos: Iterable[Photo] = ()):
        paths, boxes, ignored, classes, occlusion = (bytearray() for _ in range(5))
        path_ends, box_ends, sizes = [0], [0], []
        numbers: dict[str, int] = {}
        self._unread: dict[int, str] = {}
        for k, photo in enumerate(photos):
            paths += os.fsencode(photo.path)
            boxes += np.asarray(photo.boxes, np.float32).tobytes()
            ignored += np.asarray(photo.ignored, bool).tobytes()
            names = [numbers.setdefault(name, len(numbers)) for name in photo.classes] or [-1] * len(photo.boxes)
            classes += np.array(names, np.int32).tobytes()
            occlusion += np.array(photo.occlusion or [NOT_STATED] * len(photo.boxes), np.int8).tobytes()
            path_ends.append(len(paths))
            box_ends.append(box_ends[-1] + len(photo.boxes))
            sizes.append((photo.width, photo.height))
            if photo.unread:
                self._unread[k] = photo.unread
        self._names = tuple(numbers)
        self._paths, self._path_ends, self._box_ends = bytes(paths), np.array(path_ends), np.array(box_ends)
        self._sizes = np.array(sizes, np.int64).reshape(-1, 2)
        self._boxes = np.frombuffer(boxes, np.float32).reshape(-1, 4)
        self._ignored, self._classes = np.frombuffer(ignored, bool), np.frombuffer(classes, np.int32)
        self._occlusion = np.frombuffer(occlusion, np.int8)

    def __len__(self) -> int:
        return len(self._sizes)

    @overload
    def __getitem__(self, index: int) -> Photo: ...
    @overload
    def __getitem__(self, index: slice) -> list[Photo]: ...
    def __getitem__(self, index: int | slice) -> Photo | list[Photo]:
        if isinstance(index, slice):
            return [self[k] for k in range(*index.indices(len(self)))]
        k = range(len(self))[index]  # raises IndexError
        path = Path(os.fsdecode(self._paths[self._path_ends[k] : self._path_ends[k + 1]]))
        rows = slice(self._box_ends[k], self._box_ends[k + 1])
        classes = tuple(self._names[number] for number in self._classes[rows].tolist() if number >= 0)
        stated = self._occlusion[rows]
        occlusion = tuple(stated.tolist()) if (stated != NOT_STATED).any() else ()
        width, height = self._sizes[k].tolist()
        boxes, ignored, unread = self._boxes[rows], self._ignored[rows], self._unread.get(k, "")
        return Photo(path, width, height, boxes, ignored, classes, unread, occlusion=occlusion)
