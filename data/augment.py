"""The released recipe's augmentation on albumentations: distort colours, crop, resize to the square input, flip."""

import os
import random
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it asks the network for news at each import

import albumentations as A
import cv2
import numpy as np
from albumentations.augmentations.crops.transforms import BaseCrop

_SMALLEST = 1.0  # pixels of the input: a face cut to less is dropped
_TRIES = 50  # crops drawn for one wanted overlap before another is wanted


@dataclass(frozen=True)
class Augmented:
    """A training sample: image uint8 [size, size, 3] BGR, boxes float32 [n, 4] in its pixels, ignored bool [n]."""

    image: np.ndarray
    boxes: np.ndarray
    ignored: np.ndarray


class Augment:
    """Random training view of an annotated picture. A setting of 0 or None turns its step off.

    size: side of the square input, pixels. brightness: largest shift, grey levels. contrast, saturation: ranges of
    factors. hue: largest turn, degrees. swap_channels, flip: probabilities. crop_min_iou: overlaps wanted of every
    face with the crop, one drawn each time beside "no crop" and "any crop". crop_smallest: least side of the crop as
    a fraction of the picture's.
    """

    def __init__(
        self,
        size: int,
        brightness: float = 0,
        contrast: tuple[float, float] | None = None,
        saturation: tuple[float, float] | None = None,
        hue: float = 0,
        swap_channels: float = 0,
        crop_min_iou: tuple[float, ...] | None = None,
        crop_smallest: float = 0.1,
        flip: float = 0,
    ):
        shift, turn = brightness / 255, hue / 360
        steps: list[A.BasicTransform] = []
        if crop_min_iou is not None:
            steps.append(MinIoUCrop(tuple(crop_min_iou), crop_smallest))
        steps.append(A.Resize(size, size, interpolation=cv2.INTER_LINEAR))
        if brightness:
            steps.append(A.RandomBrightnessContrast((-shift, shift), (0, 0), brightness_by_max=True, p=0.5))
        if contrast:
            steps.append(A.RandomBrightnessContrast((0, 0), (contrast[0] - 1, contrast[1] - 1), p=0.5))
        if saturation:
            steps.append(A.ColorJitter((1, 1), (1, 1), tuple(saturation), (0, 0), p=0.5))
        if hue:
            steps.append(A.ColorJitter((1, 1), (1, 1), (1, 1), (-turn, turn), p=0.5))
        if swap_channels:
            steps.append(A.ChannelShuffle(p=swap_channels))
        if flip:
            steps.append(A.HorizontalFlip(p=flip))
        boxes = A.BboxParams("pascal_voc", label_fields=["ignored"], min_width=_SMALLEST, min_height=_SMALLEST)
        self._compose = A.Compose(steps, bbox_params=boxes)

    def __call__(self, image: np.ndarray, boxes: np.ndarray, ignored: np.ndarray, seed: int) -> Augmented:
        """image uint8 [h, w, 3] BGR, boxes [n, 4] within it; the same seed gives the same view."""
        # one generator for all steps: with set_random_seed each step would draw the same numbers
        self._compose.set_random_state(np.random.default_rng(seed), random.Random(seed))
        # albumentations means RGB where a colour matters
        out = self._compose(image=np.ascontiguousarray(image[:, :, ::-1]), bboxes=boxes, ignored=ignored)
        return Augmented(
            np.ascontiguousarray(out["image"][:, :, ::-1]),
            np.asarray(out["bboxes"], np.float32).reshape(-1, 4),
            np.asarray(out["ignored"], bool).reshape(-1),
        )


class MinIoUCrop(BaseCrop):
    """SSD's random crop: every face overlaps the crop by a drawn least IoU; faces centred outside it are dropped."""

    def __init__(self, min_iou: tuple[float, ...], smallest: float, p: float = 1.0):
        super().__init__(p=p)
        self.min_iou = min_iou
        self.smallest = smallest

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        height, width = params["shape"][:2]
        boxes = np.array([box[:4] for box in data["bboxes"]], np.float64).reshape(-1, 4)
        boxes = boxes * [width, height, width, height]
        while True:
            wanted = self.py_random.choice((1.0, *self.min_iou, 0.0))
            if wanted == 1.0:
                return {"crop_coords": (0, 0, width, height)}
            for _ in range(_TRIES):
                crop = self._draw(width, height)
                if crop and _acceptable(boxes, crop, wanted):
                    return {"crop_coords": crop}

    def apply_to_bboxes(self, bboxes: np.ndarray, crop_coords: tuple[int, int, int, int], **params: Any) -> np.ndarray:
        height, width = params["shape"][:2]
        inside = _centred_in(bboxes[:, :4] * [width, height, width, height], crop_coords)
        return super().apply_to_bboxes(bboxes[inside], crop_coords=crop_coords, **params)

    def _draw(self, width: int, height: int) -> tuple[int, int, int, int] | None:
        w = self.py_random.uniform(self.smallest * width, width)
        h = self.py_random.uniform(self.smallest * height, height)
        left, top = self.py_random.uniform(0, width - w), self.py_random.uniform(0, height - h)
        crop = int(left), int(top), int(left + w), int(top + h)
        square_enough = 0.5 <= h / w <= 2
        return crop if square_enough and crop[2] > crop[0] and crop[3] > crop[1] else None


def _acceptable(boxes: np.ndarray, crop: tuple[int, int, int, int], wanted: float) -> bool:
    if len(boxes) == 0:
        return True
    x1, y1, x2, y2 = crop
    overlap = np.minimum(boxes[:, 2:], [x2, y2]) - np.maximum(boxes[:, :2], [x1, y1])
    shared = overlap.clip(0).prod(axis=1)
    iou = shared / ((boxes[:, 2:] - boxes[:, :2]).prod(axis=1) + (x2 - x1) * (y2 - y1) - shared)
    return bool(iou.min() >= wanted and _centred_in(boxes, crop).any())


def _centred_in(boxes: np.ndarray, crop: tuple[int, int, int, int]) -> np.ndarray:
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    return ((centres > crop[:2]) & (centres < crop[2:])).all(axis=1)
