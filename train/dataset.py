"""Annotated images as training and validation samples of mmdet."""

import numpy as np
import torch
from mmdet.registry import DATASETS
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from torch.utils.data import Dataset

from facedet.core.common.errors import UserError
from facedet.core.data.augment import Augment
from facedet.core.data.dataset import dataset_source, read_dataset
from facedet.core.data.image import read_image, to_input
from facedet.core.data.structures import Photo
from facedet.core.train.sampler import Place


@DATASETS.register_module()
class FaceDataset(Dataset):
    """A dataset of annotated images. Each image is read when its sample is needed.

    path, images, names, format, split: see `DatasetSource`. input_size: width and height of the input, pixels.
    augment: settings of `Augment`. repeat: how often an epoch uses each image. test_mode: no augmentation.

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
        *,
        input_size: int,
        augment: dict | None = None,
        repeat: int = 1,
        test_mode: bool = False,
    ):
        self.faces = read_dataset(dataset_source(path, images=images, names=names, format=format, split=split))
        self.input_size = input_size
        self.repeat = repeat
        self.augment = None if test_mode else Augment(input_size, **(augment or {}))

    def __len__(self) -> int:
        return len(self.faces.photos) * self.repeat

    def __getitem__(self, place: Place | int) -> dict:
        """The sample of a place in a training run; an index alone is one whose view has that seed."""
        index, seed, _ = place if isinstance(place, Place) else Place(place, place, 0.0)
        photos, unreadable = self.faces.photos, []
        for step in range(len(photos)):
            photo = photos[(index + step) % len(photos)]
            try:
                image = _read(photo)
            except UserError as error:
                unreadable.append(str(error))
            else:
                sample = self._augmented(photo, image, seed) if self.augment else self._resized(photo, image)
                sample["data_samples"].set_metainfo({"unreadable": unreadable})
                return sample
        raise UserError(f"no image of the dataset can be read (first: {unreadable[0]})")

    def _augmented(self, photo: Photo, image: np.ndarray, seed: int) -> dict:
        assert self.augment is not None
        view = self.augment(image, photo.boxes, photo.ignored, seed)
        return self._pack(photo, view.image, view.boxes, view.ignored)

    def _resized(self, photo: Photo, image: np.ndarray) -> dict:
        scale = np.float32(self.input_size) / np.array([photo.width, photo.height] * 2, np.float32)
        return self._pack(photo, to_input(image, self.input_size), photo.boxes * scale, photo.ignored)

    def _pack(self, photo: Photo, image: np.ndarray, boxes: np.ndarray, ignored: np.ndarray) -> dict:
        size = self.input_size
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


def _read(photo: Photo) -> np.ndarray:
    image = read_image(photo.path)
    if image.shape[:2] != (photo.height, photo.width):
        raise UserError(f"{photo.path}: has {image.shape[1]}x{image.shape[0]} pixels, not {photo.width}x{photo.height}")
    return image


def _instances(boxes: np.ndarray) -> InstanceData:
    return InstanceData(bboxes=torch.from_numpy(boxes), labels=torch.zeros(len(boxes), dtype=torch.long))
