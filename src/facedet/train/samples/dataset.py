"""Annotated images as training and validation samples of mmdet."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from mmdet.registry import DATASETS
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from torch.utils.data import Dataset

from facedet.common.errors import UserError
from facedet.data.augment import Augment, Augmented
from facedet.data.cache import ImageCache
from facedet.data.dataset import DatasetSource, dataset_source, read_every_class
from facedet.data.image import read_image, to_input
from facedet.data.mosaic import mosaic
from facedet.data.photos import Photos
from facedet.data.structures import AnnotatedDataset, Photo
from facedet.train.samples.sampler import Place


@DATASETS.register_module()
class FaceDataset(Dataset):
    """A dataset of annotated images. An image is read when its sample is needed.

    path, images, names, format, split, weight, classes, allow_losses: see `DatasetSource`. more: the same of further
    datasets. input_size:
    width and height of the input, pixels. augment: settings of `Augment`. mosaic: `p`, the probability that a view is a
    mosaic of four, `until`, the share of the run after which none is, and settings of `data.mosaic.mosaic`. repeat: a
    factor of all weights. cache: folder for a cache of decoded images. cache_size: its limit, GB.
    test_mode: no augmentation. read: reads a dataset.

    If an image cannot be read, the next one is used in its place, and the sample's `unreadable` states the reason.
    """

    metainfo = {"classes": ("face",)}  # noqa: RUF012  (mmengine reads a class attribute)

    def __init__(
        self,
        path: str,
        images: str | None = None,
        names: str | None = None,
        format: str | None = None,
        split: str | None = None,
        weight: float = 1.0,
        classes: Sequence[str] = (),
        allow_losses: bool = False,
        *,
        more: Sequence[dict] = (),
        input_size: int,
        augment: dict | None = None,
        mosaic: dict | None = None,
        repeat: int = 1,
        cache: str | None = None,
        cache_size: float | None = None,
        test_mode: bool = False,
        read: Callable[[DatasetSource], AnnotatedDataset] = read_every_class,
    ):
        settings = dict(images=images, names=names, format=format, split=split, weight=weight, classes=classes)
        first = dataset_source(path, **settings, allow_losses=allow_losses)  # type: ignore[arg-type]
        sources = [first, *(dataset_source(**each) for each in more)]
        sets = [read(source) for source in sources]
        self.classes = first.classes
        self.faces = AnnotatedDataset(
            sets[0].photos if len(sets) == 1 else Photos(photo for each in sets for photo in each.photos),
            [loss for each in sets for loss in each.losses],
            frozenset(name for each in sets for name in each.classes),
        )
        counts = [len(each.photos) for each in sets]
        used = [max(1, round(n * repeat * source.weight)) for n, source in zip(counts, sources, strict=True)]
        self.parts = list(zip(counts, used, strict=True))  # as `OrderSampler` takes them
        self.input_size = input_size
        self.test_mode = test_mode
        self.cache = ImageCache(Path(cache), cache_size and cache_size * 1e9) if cache else None
        self._settings, self._mosaic = augment or {}, mosaic or {"p": 0.0}
        self._augments = {input_size: Augment(input_size, **self._settings)}  # by the size of the view

    def __len__(self) -> int:
        return sum(used for _, used in self.parts)

    def __getitem__(self, place: Place | int) -> dict:
        """The sample of a place in a training run; an index alone is a place whose view has the index as its seed."""
        place = place if isinstance(place, Place) else Place(place, place)
        unreadable: list[str] = []
        photo, image = self._readable(place.image, unreadable)
        if self.test_mode:
            sample = self._resized(photo, image)
        else:
            view = self._view(photo, image, place, unreadable)
            sample = self._pack(photo, view.image, view.boxes, view.ignored)
        sample["data_samples"].set_metainfo({"unreadable": unreadable})
        return sample

    def _readable(self, index: int, unreadable: list[str]) -> tuple[Photo, np.ndarray]:
        """Photo and image at an index, or of the next readable one; `unreadable` gets the errors of others."""
        photos = self.faces.photos
        for step in range(len(photos)):
            photo = photos[(index + step) % len(photos)]
            try:
                return photo, self._read(photo)
            except UserError as error:
                unreadable.append(str(error))
        raise UserError(f"no image of the dataset can be read (first: {unreadable[0]})")

    def _read(self, photo: Photo) -> np.ndarray:
        image = self.cache.read(photo.path) if self.cache else read_image(photo.path)
        if image.shape[1::-1] != (photo.width, photo.height):
            found = f"{image.shape[1]}x{image.shape[0]}"
            raise UserError(f"{photo.path}: has {found} pixels, not {photo.width}x{photo.height}")
        return image

    def _view(self, photo: Photo, image: np.ndarray, place: Place, unreadable: list[str]) -> Augmented:
        size = place.size or self.input_size
        if size not in self._augments:
            self._augments[size] = Augment(size, **self._settings)
        augment = self._augments[size]
        view = augment(image, photo.boxes, photo.ignored, place.seed)
        rng = np.random.default_rng((place.seed, 1))
        settings = dict(self._mosaic)
        if rng.random() >= settings.pop("p") or place.progress >= settings.pop("until", 1.0):
            return view
        views = [view]
        for index, seed in rng.integers([len(self), 2**32], size=(3, 2)):
            other, pixels = self._readable(self._image(int(index), int(seed)), unreadable)
            views.append(augment(pixels, other.boxes, other.ignored, int(seed)))
        return mosaic(views, size, rng, keep_cut=self._settings.get("keep_cut", False), **settings)

    def _image(self, index: int, seed: int) -> int:
        """An image for an index below `len(self)`, so that random indices choose datasets by their weights."""
        first = 0
        for images, used in self.parts:
            if index < used:
                break
            first, index = first + images, index - used
        return first + (index if used >= images else seed) % images

    def _resized(self, photo: Photo, image: np.ndarray) -> dict:
        scale = np.float32(self.input_size) / np.array([image.shape[1], image.shape[0]] * 2, np.float32)
        return self._pack(
            photo, to_input(image, (self.input_size, self.input_size)), photo.boxes * scale, photo.ignored
        )

    def _pack(self, photo: Photo, image: np.ndarray, boxes: np.ndarray, ignored: np.ndarray) -> dict:
        size = image.shape[0]
        sample = DetDataSample(
            metainfo={
                "photo": photo,
                "img_shape": (size, size),
                "ori_shape": (photo.height, photo.width),
                "scale_factor": (size / photo.width, size / photo.height),
            }
        )
        sample.gt_instances = _instances(boxes[~ignored])
        sample.ignored_instances = _instances(boxes[ignored])
        return {"inputs": torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))), "data_samples": sample}


def _instances(boxes: np.ndarray) -> InstanceData:
    return InstanceData(bboxes=torch.from_numpy(boxes), labels=torch.zeros(len(boxes), dtype=torch.long))
