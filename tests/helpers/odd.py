"""A dataset with everything that a format could lose: odd names, many classes, ignored faces, any float32 box."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from facedet.data.dataset import DatasetSource
from facedet.data.storage import digest
from facedet.data.structures import Photo
from facedet.data.writers.table import TARGETS

NAMES = (
    "one/1.jpg",
    "two/1.jpg",
    "two/1.png",
    "without faces.jpg",
    "two words/Zoë & <Söhne> 'x' \"y\".jpg",
    "日本.png",
    "line\nend.jpg",
    "version.1.2.jpeg",
    "images/images/3.JPG",
)
CLASSES = ("face", "with mask", "Söhne & <Töchter>", "顔")


def odd_dataset(folder: Path, seed: int = 1) -> DatasetSource:
    """Write a COCO dataset of `NAMES`, with images of different sizes and content."""
    rng = np.random.default_rng(seed)
    images, annotations = [], []
    for number, name in enumerate(NAMES):
        width, height = int(rng.integers(60, 400)), int(rng.integers(60, 400))
        path = folder / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (width, height), tuple(rng.integers(0, 256, 3).tolist())).save(path)
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        for box in [] if name == "without faces.jpg" else random_boxes(rng, width, height):
            category, crowd = int(rng.integers(len(CLASSES))), int(rng.random() < 0.2)
            ids = {"id": len(annotations), "image_id": number, "category_id": category}
            annotations.append({**ids, "bbox": box, "iscrowd": crowd})
    categories = [{"id": k, "name": name} for k, name in enumerate(CLASSES)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "set.json").write_text(json.dumps(content))
    return DatasetSource(folder / "set.json", classes=("all",))


def random_boxes(rng: np.random.Generator, width: int, height: int) -> list[list[float]]:
    """Boxes x y w h: any numbers, round ones, the smallest ones, and the whole image."""
    x, y = rng.random(8) * (width - 2), rng.random(8) * (height - 2)
    w, h = 1 + rng.random(8) * (width - x - 1), 1 + rng.random(8) * (height - y - 1)
    boxes = np.stack([x, y, w, h], axis=1)
    boxes[:2] = boxes[:2].round(1)
    boxes[2:4, 2:] = 1.0
    boxes[2:4, :2] = boxes[2:4, :2].astype(int)
    return [*boxes.tolist(), [0, 0, width, height]]


def by_content(photos: list[Photo]) -> dict[str, Photo]:
    """The photos by the SHA-256 of their files: their names may change."""
    found = {digest(photo.path): photo for photo in photos}
    assert len(found) == len(photos)
    return found


def held(photo: Photo, to: str) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """The boxes, ignored flags and classes that the target can hold."""
    kept = np.ones(len(photo.boxes), bool) if TARGETS[to].marks_ignored else ~photo.ignored
    names = tuple(name or "face" for name, is_kept in zip(photo.classes, kept, strict=True) if is_kept)
    return photo.boxes[kept], photo.ignored[kept], names if TARGETS[to].has_classes else ("face",) * len(names)
