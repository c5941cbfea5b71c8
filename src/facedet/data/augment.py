"""Augmentation with albumentations: crop and resize to the input size, distort colours, reduce quality, flip."""

import random
from dataclasses import dataclass

import albumentations as A
import cv2
import numpy as np

from facedet.data.crop import MinIoUCrop
from facedet.data.warp import Warp

MIN_SIDE = 1.0  # pixels of the input: a narrower or lower face is dropped or, with `keep_cut`, ignored
_VISIBLE = 0.01  # pixels: a smaller part of a face is dropped


@dataclass(frozen=True)
class Augmented:
    """A training sample: image uint8 [size, size, 3] BGR, boxes float32 [n, 4] in its pixels, ignored bool [n]."""

    image: np.ndarray
    boxes: np.ndarray
    ignored: np.ndarray


class Augment:
    """Random augmentation of an annotated image. A setting of 0 or None disables its step.

    size: width and height of the output, pixels. brightness: largest shift, grey levels. contrast, saturation: ranges
    of factors. hue: largest shift, degrees. swap_channels, flip: probabilities. crop_min_iou: choices for the minimum
    IoU of every face with the crop; each call draws one of them, "no crop" or "any crop". crop_smallest: smallest side
    of the crop as a fraction of the side of the image.

    keep_cut: the visible part of a face whose centre is cut off, or that becomes too small, is ignored; without it, the
    face is dropped and counts as background. zoom_out: with probability `zoom_out_p` the image is placed on a canvas of
    its mean colour with up to this many times its sides, before the crop. rotate: largest angle, degrees; half of the
    images are rotated. grey, blur, noise, jpeg: probabilities.
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
        *,
        keep_cut: bool = False,
        zoom_out: float = 0,
        zoom_out_p: float = 0.5,
        rotate: float = 0,
        grey: float = 0,
        blur: float = 0,
        noise: float = 0,
        jpeg: float = 0,
    ):
        steps: list[A.BasicTransform | A.BaseCompose] = []
        min_iou = None if crop_min_iou is None else tuple(crop_min_iou)
        if zoom_out or rotate:
            steps.append(Warp(size, min_iou, crop_smallest, zoom_out, zoom_out_p, rotate, keep_cut))
        else:
            steps += [] if min_iou is None else [MinIoUCrop(min_iou, crop_smallest, keep_cut)]
            steps.append(A.Resize(size, size, interpolation=cv2.INTER_LINEAR))
        steps += _colour_steps(brightness, contrast, saturation, hue, swap_channels, grey)
        steps += _quality_steps(blur, noise, jpeg)
        if flip:
            steps.append(A.HorizontalFlip(p=flip))
        self._keep_cut = keep_cut
        smallest = _VISIBLE if keep_cut else MIN_SIDE
        boxes = A.BboxParams("pascal_voc", label_fields=["ignored"], min_width=smallest, min_height=smallest)
        self._compose = A.Compose(steps, bbox_params=boxes)

    def __call__(self, image: np.ndarray, boxes: np.ndarray, ignored: np.ndarray, seed: int) -> Augmented:
        """Augment image uint8 [h, w, 3] BGR and boxes [n, 4] inside it. The same seed gives the same result."""
        # all steps share one generator: with set_random_seed each step would draw the same numbers
        self._compose.set_random_state(np.random.default_rng(seed), random.Random(seed))
        rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)  # the order that the colour steps of albumentations expect
        out = self._compose(image=rgb, bboxes=boxes, ignored=ignored)
        faces = np.asarray(out["bboxes"], np.float32).reshape(-1, 4)
        ignored = np.asarray(out["ignored"], bool).reshape(-1)
        if self._keep_cut:
            ignored |= (faces[:, 2:] - faces[:, :2] < MIN_SIDE).any(axis=1)
        return Augmented(cv2.cvtColor(out["image"], cv2.COLOR_RGB2BGR), faces, ignored)


def _colour_steps(
    brightness: float,
    contrast: tuple[float, float] | None,
    saturation: tuple[float, float] | None,
    hue: float,
    swap_channels: float,
    grey: float,
) -> list[A.BasicTransform]:
    brightness_shift, hue_shift = brightness / 255, hue / 360
    steps: list[A.BasicTransform] = []
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
    if grey:
        steps.append(A.ToGray(p=grey))
    return steps


def _quality_steps(blur: float, noise: float, jpeg: float) -> list[A.BasicTransform | A.BaseCompose]:
    steps: list[A.BasicTransform | A.BaseCompose] = []
    if blur:
        motion = A.MotionBlur((3, 7), allow_shifted=False, direction_range=(0, 0))  # faces stay in their boxes
        steps.append(A.OneOf([A.GaussianBlur(sigma_limit=(0.5, 1.5)), motion], p=blur))
    if noise:
        steps.append(A.GaussNoise(std_range=(0.01, 0.04), p=noise))
    if jpeg:
        steps.append(A.ImageCompression(quality_range=(40, 95), p=jpeg))
    return steps
