"""The random crop of SSD, and what happens to the faces that it cuts off."""

import random
from typing import Any

import numpy as np
from albumentations.augmentations.crops.transforms import BaseCrop

_TRIES = 50  # crops drawn for one minimum IoU before another one is drawn

Frame = tuple[int, int, int, int]  # x1 y1 x2 y2 in pixels


class MinIoUCrop(BaseCrop):
    """Random crop of SSD: every face has at least a drawn IoU with the crop; faces centred outside it are cut off."""

    def __init__(self, min_iou: tuple[float, ...], smallest: float, keep_cut: bool = False, p: float = 1.0):
        super().__init__(p=p)
        self.min_iou, self.smallest, self.keep_cut = min_iou, smallest, keep_cut

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        height, width = params["shape"][:2]
        boxes = in_pixels(data["bboxes"], width, height)
        return {"crop_coords": draw_crop(self.py_random, boxes, (0, 0, width, height), self.min_iou, self.smallest)}

    def apply_to_bboxes(self, bboxes: np.ndarray, crop_coords: Frame, **params: Any) -> np.ndarray:
        height, width = params["shape"][:2]
        outside = ~centred_in(in_pixels(bboxes, width, height), crop_coords)
        return super().apply_to_bboxes(cut_off(bboxes, outside, self.keep_cut), crop_coords=crop_coords, **params)


def draw_crop(
    rng: random.Random, boxes: np.ndarray, frame: Frame, min_iou: tuple[float, ...], smallest: float
) -> Frame:
    """A crop of the frame: the frame itself, or one that has at least a drawn IoU with each of the boxes [n, 4].

    min_iou: choices for the minimum. smallest: smallest side of the crop as a fraction of the side of the frame.
    """
    while True:
        drawn = rng.choice((1.0, *min_iou, 0.0))
        if drawn == 1.0:
            return frame
        for _ in range(_TRIES):
            crop = _draw(rng, frame, smallest)
            if crop and _acceptable(boxes, crop, drawn):
                return crop


def in_pixels(bboxes: np.ndarray, width: int, height: int) -> np.ndarray:
    """The corners [n, 4], in pixels, of boxes of albumentations, which are fractions of the image."""
    return bboxes[:, :4] * [width, height, width, height]


def centred_in(boxes: np.ndarray, frame: Frame) -> np.ndarray:
    """Which boxes [n, 4] have their centre inside the frame: bool [n]."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    return ((centres > frame[:2]) & (centres < frame[2:])).all(axis=1)


def cut_off(bboxes: np.ndarray, outside: np.ndarray, keep_cut: bool) -> np.ndarray:
    """Boxes of albumentations without those outside; with `keep_cut`, those stay and become ignored."""
    if not keep_cut:
        return bboxes[~outside]
    bboxes = bboxes.copy()
    bboxes[outside, 4:] = True  # albumentations keeps `ignored` in this column
    return bboxes


def _draw(rng: random.Random, frame: Frame, smallest: float) -> Frame | None:
    x, y, width, height = frame[0], frame[1], frame[2] - frame[0], frame[3] - frame[1]
    w = rng.uniform(smallest * width, width)
    h = rng.uniform(smallest * height, height)
    left, top = rng.uniform(0, width - w), rng.uniform(0, height - h)
    crop = x + int(left), y + int(top), x + int(left + w), y + int(top + h)
    square_enough = 0.5 <= h / w <= 2
    return crop if square_enough and crop[2] > crop[0] and crop[3] > crop[1] else None


def _acceptable(boxes: np.ndarray, crop: Frame, min_iou: float) -> bool:
    if len(boxes) == 0:
        return True
    x1, y1, x2, y2 = crop
    sides = np.minimum(boxes[:, 2:], [x2, y2]) - np.maximum(boxes[:, :2], [x1, y1])
    intersection = sides.clip(0).prod(axis=1)
    iou = intersection / ((boxes[:, 2:] - boxes[:, :2]).prod(axis=1) + (x2 - x1) * (y2 - y1) - intersection)
    return bool(iou.min() >= min_iou and centred_in(boxes, crop).any())
