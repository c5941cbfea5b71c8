"""Augmentation of the published recipe, with albumentations: crop, resize to the input size, distort colours, flip."""

import os
import random
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it looks for updates online at each import

import albumentations as A
import cv2
import numpy as np
from albumentations.augmentations.crops.transforms import BaseCrop

_MIN_SIDE = 1.0  # pixels of the input: a narrower or lower face is dropped
_TRIES = 50  # crops drawn for one minimum IoU before another one is drawn


@dataclass(frozen=True)
class Augmented:
    """A training sample: image uint8 [size, size, 3] BGR, boxes float32 [n, 4] in pixels of it, ignored bool [n]."""

    image: np.ndarray
    boxes: np.ndarray
    ignored: np.ndarray


class Augment:
    """Random augmentation of an annotated image. A setting of 0 or None disables its step.

    size: width and height of the output, pixels. brightness: largest shift, grey levels. contrast, saturation: ranges
    of factors. hue: largest shift, degrees. swap_channels, flip: probabilities. crop_min_iou: choices for the minimum
    IoU of every face with the crop; each call draws one of them, "no crop" or "any crop". crop_smallest: smallest side
    of the crop as a fraction of the side of the image.
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
        brightness_shift, hue_shift = brightness / 255, hue / 360
        steps: list[A.BasicTransform] = []
        if crop_min_iou is not None:
            steps.append(MinIoUCrop(tuple(crop_min_iou), crop_smallest))
        steps.append(A.Resize(size, size, interpolation=cv2.INTER_LINEAR))
        if brightness:
            limits = (-brightness_shift, brightness_shift)
            steps.append(A.RandomBrightnessContrast(limits, (0, 0), brightness_by_max=True, p=0.5))
        if contrast:
            steps.append(A.RandomBrightnessContrast((0, 0), (contrast[0] - 1, contrast[1] - 1), p=0.5))
        if saturation:
            steps.append(A.ColorJitter((1, 1), (1, 1), tuple(saturation), (0, 0), p=0.5))
        if hue:
            steps.append(A.ColorJitter((1, 1), (1, 1), (1, 1), (-hue_shift, hue_shift), p=0.5))
        if swap_channels:
            steps.append(A.ChannelShuffle(p=swap_channels))
        if flip:
            steps.append(A.HorizontalFlip(p=flip))
        boxes = A.BboxParams("pascal_voc", label_fields=["ignored"], min_width=_MIN_SIDE, min_height=_MIN_SIDE)
        self._compose = A.Compose(steps, bbox_params=boxes)

    def __call__(self, image: np.ndarray, boxes: np.ndarray, ignored: np.ndarray, seed: int) -> Augmented:
        """Augment image uint8 [h, w, 3] BGR and boxes [n, 4] inside it. The same seed gives the same result."""
        # all steps share one generator: with set_random_seed each step would draw the same numbers
        self._compose.set_random_state(np.random.default_rng(seed), random.Random(seed))
        rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)  # the order that the colour steps of albumentations expect
        out = self._compose(image=rgb, bboxes=boxes, ignored=ignored)
        return Augmented(
            cv2.cvtColor(out["image"], cv2.COLOR_RGB2BGR),
            np.asarray(out["bboxes"], np.float32).reshape(-1, 4),
            np.asarray(out["ignored"], bool).reshape(-1),
        )


class MinIoUCrop(BaseCrop):
    """Random crop of SSD: every face has at least a drawn IoU with the crop; faces centred outside it are dropped."""

    def __init__(self, min_iou: tuple[float, ...], smallest: float, p: float = 1.0):
        super().__init__(p=p)
        self.min_iou = min_iou
        self.smallest = smallest

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        height, width = params["shape"][:2]
        boxes = np.array([box[:4] for box in data["bboxes"]], np.float64).reshape(-1, 4)
        boxes = boxes * [width, height, width, height]
        while True:
            min_iou = self.py_random.choice((1.0, *self.min_iou, 0.0))
            if min_iou == 1.0:
                return {"crop_coords": (0, 0, width, height)}
            for _ in range(_TRIES):
                crop = self._draw(width, height)
                if crop and _acceptable(boxes, crop, min_iou):
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


def _acceptable(boxes: np.ndarray, crop: tuple[int, int, int, int], min_iou: float) -> bool:
    if len(boxes) == 0:
        return True
    x1, y1, x2, y2 = crop
    sides = np.minimum(boxes[:, 2:], [x2, y2]) - np.maximum(boxes[:, :2], [x1, y1])
    intersection = sides.clip(0).prod(axis=1)
    iou = intersection / ((boxes[:, 2:] - boxes[:, :2]).prod(axis=1) + (x2 - x1) * (y2 - y1) - intersection)
    return bool(iou.min() >= min_iou and _centred_in(boxes, crop).any())


def _centred_in(boxes: np.ndarray, crop: tuple[int, int, int, int]) -> np.ndarray:
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    return ((centres > crop[:2]) & (centres < crop[2:])).all(axis=1)
