"""Zoom-out, crop, rotation and resize of an image as one affine map: only the pixels of the output are computed."""

import random
from typing import Any

import albumentations as A
import cv2
import numpy as np
from albumentations.core.type_definitions import Targets

from facedet.data.crop import Frame, centred_in, cut_off, draw_crop, in_pixels


class Warp(A.DualTransform):
    """Zoom-out, crop as by `MinIoUCrop` unless `min_iou` is None, rotation, and resize to size x size, in one step."""

    _targets = (Targets.IMAGE, Targets.BBOXES)

    def __init__(
        self,
        size: int,
        min_iou: tuple[float, ...] | None,
        smallest: float,
        zoom_out: float,
        zoom_out_p: float,
        rotate: float,
        keep_cut: bool,
    ):
        super().__init__(p=1.0)
        self.size, self.min_iou, self.smallest, self.keep_cut = size, min_iou, smallest, keep_cut
        self.zoom_out, self.zoom_out_p, self.rotate = zoom_out, zoom_out_p, rotate

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        height, width = params["shape"][:2]
        frame, degrees = (0, 0, width, height), 0.0
        if self.zoom_out and self.py_random.random() < self.zoom_out_p:
            frame = draw_canvas(self.py_random, width, height, self.zoom_out)
        if self.min_iou is not None:
            boxes = in_pixels(data["bboxes"], width, height)
            frame = draw_crop(self.py_random, boxes, frame, self.min_iou, self.smallest)
        if self.rotate and self.py_random.random() < 0.5:
            degrees = self.py_random.uniform(-self.rotate, self.rotate)
        return {"matrix": frame_map(frame, self.size, degrees)}

    def apply(self, img: np.ndarray, matrix: np.ndarray, **params: Any) -> np.ndarray:
        return warp_image(img, matrix, self.size)

    def apply_to_bboxes(self, bboxes: np.ndarray, matrix: np.ndarray, **params: Any) -> np.ndarray:
        height, width = params["shape"][:2]
        boxes = warp_boxes(in_pixels(bboxes, width, height), matrix)
        outside = ~centred_in(boxes, (0, 0, self.size, self.size))
        return cut_off(np.hstack([boxes / self.size, bboxes[:, 4:]]), outside, self.keep_cut)


def draw_canvas(rng: random.Random, width: int, height: int, largest: float) -> Frame:
    """A canvas around a width x height image: up to `largest` times its sides, with the image anywhere on it.

    The frame is in pixels of the image: its left and top are negative.
    """
    ratio = rng.uniform(1, largest)
    w, h = int(ratio * width), int(ratio * height)
    left, top = rng.randint(0, w - width), rng.randint(0, h - height)
    return -left, -top, w - left, h - top


def frame_map(frame: Frame, size: int, degrees: float = 0) -> np.ndarray:
    """Affine map [2, 3] from pixels of an image to those of size x size, which shows the frame turned about its centre.

    Coordinates are continuous: 0 is the outer edge of the first pixel. The frame may extend beyond the image.
    """
    x1, y1, x2, y2 = frame
    matrix: np.ndarray = cv2.getRotationMatrix2D(((x1 + x2) / 2, (y1 + y2) / 2), degrees, 1)
    matrix[:, 2] -= x1, y1
    return matrix * [[size / (x2 - x1)], [size / (y2 - y1)]]


def warp_image(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """The output [size, size, 3] of a map for an image uint8 [h, w, 3], whose mean colour surrounds it."""
    by_centres = matrix.copy()
    by_centres[:, 2] += matrix[:, :2].sum(axis=1) / 2 - 0.5  # OpenCV's 0 is the centre of the first pixel
    fill = image[::8, ::8].mean(axis=(0, 1))  # of a sample: a photo has millions of pixels
    return cv2.warpAffine(image, by_centres, (size, size), flags=cv2.INTER_LINEAR, borderValue=fill.tolist())


def warp_boxes(boxes: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The boxes [n, 4] around mapped faces, taken as ellipses in `boxes`: mapped corners would give larger boxes."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2 @ matrix[:, :2].T + matrix[:, 2]
    halves = np.sqrt(((boxes[:, 2:] - boxes[:, :2]) / 2) ** 2 @ (matrix[:, :2] ** 2).T)
    return np.concatenate([centres - halves, centres + halves], axis=1)
