"""COCO sets in the making, for the tests of check and split."""

import json
from pathlib import Path

import cv2
import numpy as np

from facedet.core.data.dataset import DatasetSource
from facedet.core.data.synthetic import draw_image

WIDTH, HEIGHT = 400, 320
GOOD = (100, 80, 60, 70)  # x y w h


class Drawn:
    """A COCO set in the making: drawn pictures that look like no other, and what is annotated of them."""

    def __init__(self, folder: Path, seed: int):
        self.folder, self.rng = folder, np.random.default_rng(seed)
        self.content: dict = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "face"}]}
        (folder / "images").mkdir(parents=True)

    def add(self, name: str, *boxes: tuple, image: np.ndarray | None = None, **facts: object) -> np.ndarray:
        """Write a picture, the drawn one if none is given, and annotate it; returns it."""
        if image is None:
            image = cv2.resize(draw_image(self.rng)[0], (WIDTH, HEIGHT))
        cv2.imwrite(str(self.folder / "images" / name), image, [cv2.IMWRITE_PNG_COMPRESSION, 0])
        self.annotate(name, *boxes, width=image.shape[1], height=image.shape[0], **facts)
        return image

    def annotate(self, name: str, *boxes: tuple, width: int = WIDTH, height: int = HEIGHT, **facts: object) -> None:
        number = len(self.content["images"])
        size = {"width": width, "height": height}
        self.content["images"].append({"id": number, "file_name": f"images/{name}", **size})
        for box in boxes:
            face = {"id": len(self.content["annotations"]), "image_id": number, "category_id": 1, "bbox": box, **facts}
            self.content["annotations"].append(face)

    def save(self) -> DatasetSource:
        (self.folder / "set.json").write_text(json.dumps(self.content))
        return DatasetSource(self.folder / "set.json")


def clean(folder: Path, pictures: int = 4, seed: int = 1) -> Drawn:
    drawn = Drawn(folder, seed)
    for k in range(pictures):
        drawn.add(f"clean-{k}.png", GOOD, (200, 40, 50, 60))
    return drawn


def altered(image: np.ndarray) -> np.ndarray:
    """The same picture at 0.6 of its size, in JPEG 40, a little brighter."""
    small = cv2.resize(image, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    coded = cv2.imencode(".jpg", cv2.convertScaleAbs(small, alpha=1.0, beta=12), [cv2.IMWRITE_JPEG_QUALITY, 40])[1]
    return cv2.imdecode(coded, cv2.IMREAD_COLOR)
