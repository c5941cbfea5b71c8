"""Build COCO datasets for the tests of check and split."""

import json
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from facedet.data.dataset import DatasetSource
from facedet.data.synthetic import draw_image

WIDTH, HEIGHT = 400, 320
GOOD_BOX = (100, 80, 60, 70)  # x y w h


class DatasetBuilder:
    """Build a COCO dataset of drawn images, no two of them similar."""

    def __init__(self, folder: Path, seed: int):
        self.folder, self.rng = folder, np.random.default_rng(seed)
        self.content: dict = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "face"}]}
        (folder / "images").mkdir(parents=True)

    def add(self, name: str, *boxes: tuple, image: np.ndarray | None = None, **fields: object) -> np.ndarray:
        """Write `image`, or a new drawing, annotate it and return it."""
        if image is None:
            image = cv2.resize(draw_image(self.rng)[0], (WIDTH, HEIGHT))
        cv2.imwrite(str(self.folder / "images" / name), image, [cv2.IMWRITE_PNG_COMPRESSION, 0])
        self.annotate(name, *boxes, width=image.shape[1], height=image.shape[0], **fields)
        return image

    def annotate(self, name: str, *boxes: tuple, width: int = WIDTH, height: int = HEIGHT, **fields: object) -> None:
        """Add annotations without writing an image. `fields` are added to each box."""
        number = len(self.content["images"])
        size = {"width": width, "height": height}
        self.content["images"].append({"id": number, "file_name": f"images/{name}", **size})
        for box in boxes:
            face = {"id": len(self.content["annotations"]), "image_id": number, "category_id": 1, "bbox": box, **fields}
            self.content["annotations"].append(face)

    def save(self) -> DatasetSource:
        """Write set.json."""
        (self.folder / "set.json").write_text(json.dumps(self.content))
        return DatasetSource(self.folder / "set.json")


def clean_dataset(folder: Path, images: int = 4, seed: int = 1) -> DatasetBuilder:
    """Build a dataset without problems, two faces in each image."""
    builder = DatasetBuilder(folder, seed)
    for k in range(images):
        builder.add(f"clean-{k}.png", GOOD_BOX, (200, 40, 50, 60))
    return builder


def add_problems(builder: DatasetBuilder) -> dict[str, str]:
    """Add one problem of every kind that a single dataset can have; return kind -> name of the file to be reported."""
    builder.add("nan.png", GOOD_BOX, (1.7e308, 10, 1.7e308, 40))  # its right side is infinite
    builder.add("outside.png", GOOD_BOX, (500, 10, 40, 40))
    builder.add("no-area.png", GOOD_BOX, (10, 10, 0, 40))
    builder.add("cut.png", GOOD_BOX, (-20, 200, 60, 60))
    builder.add("repeated.png", GOOD_BOX, GOOD_BOX)
    builder.add("too-large.png", (2, 2, WIDTH - 4, HEIGHT - 4))
    builder.add("too-small.png", GOOD_BOX, (10, 10, 1.5, 1.2))
    builder.add("small.png", GOOD_BOX, (10, 10, 4, 3))
    builder.add("size.png", GOOD_BOX)
    builder.content["images"][-1]["width"] = WIDTH + 1
    builder.annotate("gone.png", GOOD_BOX)
    first = builder.add("a-twice.png", GOOD_BOX)
    builder.add("duplicate.png", GOOD_BOX, image=first)
    second = builder.add("b-twice.png", GOOD_BOX)
    builder.add("contradiction.png", (200, 40, 50, 60), image=second)
    third = builder.add("c-twice.png", GOOD_BOX)
    builder.add("near-duplicate.png", GOOD_BOX, image=altered_copy(third))
    rotated = Image.fromarray(cv2.resize(draw_image(builder.rng)[0], (HEIGHT, WIDTH)))
    rotated.save(builder.folder / "images" / "turned.png", exif=exif_orientation(6))
    builder.annotate("turned.png", GOOD_BOX)
    builder.content["annotations"].append({"id": -1, "image_id": "nowhere", "category_id": 1, "bbox": GOOD_BOX})
    same = ("nan", "outside", "no-area", "cut", "repeated", "too-large", "too-small", "small", "size", "turned")
    names = {kind: f"{kind}.png" for kind in (*same, "duplicate", "contradiction", "near-duplicate")}
    return {**names, "picture": "gone.png", "entry": "set.json"}


def exif_orientation(value: int) -> Image.Exif:
    """EXIF data with an orientation, for `Image.save`."""
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


def altered_copy(image: np.ndarray) -> np.ndarray:
    """A near-duplicate: scaled by 0.6, JPEG 40, a little brighter."""
    small = cv2.resize(image, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    coded = cv2.imencode(".jpg", cv2.convertScaleAbs(small, alpha=1.0, beta=12), [cv2.IMWRITE_JPEG_QUALITY, 40])[1]
    return cv2.imdecode(coded, cv2.IMREAD_COLOR)
