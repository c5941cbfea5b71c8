"""A small drawn dataset for the demo and the tests: deterministic, with faces and objects that resemble faces."""

import json
from pathlib import Path

import cv2
import numpy as np

from facedet.common.files import write_text
from facedet.data.image import write_png

Colour = tuple[int, int, int]


def draw_dataset(folder: Path, count: int, seed: int, name: str) -> Path:
    """Draw `count` images into `folder`/images and write `folder`/NAME.json (COCO); returns the path of the JSON file.

    The same arguments draw the same pixels. Every image has one to five objects: faces and lookalikes.
    """
    rng = np.random.default_rng(seed)
    images: list[dict] = []
    faces: list[dict] = []
    for k in range(count):
        image, boxes = draw_image(rng)
        file_name = f"images/{name}-{k:03}.png"
        write_png(image, folder / file_name)
        images.append({"id": k, "file_name": file_name, "width": image.shape[1], "height": image.shape[0]})
        for box in boxes:
            common = {"id": len(faces) + 1, "image_id": k, "category_id": 1, "iscrowd": 0}
            faces.append({**common, "bbox": box, "area": box[2] * box[3]})
    content = {"images": images, "annotations": faces, "categories": [{"id": 1, "name": "face"}]}
    write_text(folder / f"{name}.json", json.dumps(content))
    return folder / f"{name}.json"


def draw_image(rng: np.random.Generator) -> tuple[np.ndarray, list[list[int]]]:
    """Draw an image uint8 [h, w, 3] BGR; returns it and the boxes x y w h of its faces."""
    width, height = int(rng.integers(280, 480)), int(rng.integers(240, 420))
    image = _background(rng, width, height)
    places = _places(rng, width, height, count=int(rng.integers(1, 6)))
    boxes = []
    for x, y, radius in places:
        if rng.random() < 0.6:
            boxes.append(_face(rng, image, x, y, radius))
        else:
            _lookalike(rng, image, x, y, radius)
    noise = rng.normal(0, rng.uniform(1, 8), image.shape)
    return (image + noise).clip(0, 255).astype(np.uint8), boxes


def _places(rng: np.random.Generator, width: int, height: int, count: int) -> list[tuple[int, int, int]]:
    placed: list[tuple[int, int, int]] = []
    for _ in range(20 * count):
        radius = int(rng.uniform(14, 70))
        x, y = (int(rng.integers(radius, edge - radius)) for edge in (width, height))
        if all(np.hypot(x - a, y - b) > 1.35 * (radius + r) for a, b, r in placed):
            placed.append((x, y, radius))
        if len(placed) == count:
            break
    return placed


def _background(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    coarse = rng.integers(30, 225, (int(rng.integers(2, 7)), int(rng.integers(2, 7)), 3)).astype(np.uint8)
    image = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(int(rng.integers(2, 9))):
        a, b = ((int(rng.integers(0, width)), int(rng.integers(0, height))) for _ in range(2))
        cv2.line(image, a, b, _any_colour(rng), int(rng.integers(1, 7)), cv2.LINE_AA)
    return image


def _face(rng: np.random.Generator, image: np.ndarray, x: int, y: int, radius: int) -> list[int]:
    skin = _skin(rng)
    rx, ry = round(radius * rng.uniform(0.70, 0.82)), round(radius * rng.uniform(0.92, 1.0))
    hair = tuple(int(v) for v in rng.integers(10, 90, 3))
    cv2.ellipse(image, (x, y - ry // 5), (round(rx * 1.12), ry), 0, 180, 360, hair, cv2.FILLED, cv2.LINE_AA)
    cv2.ellipse(image, (x, y), (rx, ry), 0, 0, 360, skin, cv2.FILLED, cv2.LINE_AA)
    cv2.ellipse(image, (x, y - ry // 5), (round(rx * 1.05), round(ry * 0.85)), 0, 200, 340, hair, max(ry // 6, 1))
    _features(rng, image, x, y, rx, ry, skin)
    left, top = max(x - rx, 0), max(y - ry, 0)
    return [left, top, min(x + rx, image.shape[1]) - left, min(y + ry, image.shape[0]) - top]


def _features(rng: np.random.Generator, image: np.ndarray, x: int, y: int, rx: int, ry: int, skin: Colour) -> None:
    look, dark = round(rx * rng.uniform(-0.1, 0.1)), (40, 30, 30)
    for side in (-1, 1):
        eye = (x + look + side * round(rx * 0.4), y - round(ry * 0.12))
        cv2.ellipse(image, eye, (max(rx // 5, 2), max(ry // 9, 1)), 0, 0, 360, (240, 240, 240), cv2.FILLED, cv2.LINE_AA)
        cv2.circle(image, eye, max(rx // 10, 1), dark, cv2.FILLED, cv2.LINE_AA)
        brow = (eye[0], eye[1] - max(ry // 6, 2))
        cv2.ellipse(image, brow, (max(rx // 4, 2), max(ry // 14, 1)), 0, 190, 350, dark, max(rx // 14, 1), cv2.LINE_AA)
    shade = tuple(int(v * 0.75) for v in skin)
    cv2.line(image, (x + look, y), (x + look, y + round(ry * 0.25)), shade, max(rx // 10, 1), cv2.LINE_AA)
    mouth = (x + look, y + round(ry * 0.5))
    arc = (20, 160) if rng.random() < 0.6 else (200, 340)
    cv2.ellipse(image, mouth, (round(rx * 0.4), max(ry // 8, 1)), 0, *arc, (60, 50, 170), max(rx // 9, 1), cv2.LINE_AA)


def _lookalike(rng: np.random.Generator, image: np.ndarray, x: int, y: int, radius: int) -> None:
    kind = rng.integers(0, 4)
    rx, ry = round(radius * 0.78), round(radius * 0.95)
    if kind == 0:  # a skin-coloured ellipse without features
        cv2.ellipse(image, (x, y), (rx, ry), 0, 0, 360, _skin(rng), cv2.FILLED, cv2.LINE_AA)
    elif kind == 1:  # a clock
        cv2.circle(image, (x, y), radius, (235, 235, 235), cv2.FILLED, cv2.LINE_AA)
        cv2.circle(image, (x, y), radius, (50, 50, 50), max(radius // 9, 1), cv2.LINE_AA)
        for angle in rng.uniform(0, 2 * np.pi, 2):
            tip = (x + round(radius * 0.7 * np.cos(angle)), y + round(radius * 0.7 * np.sin(angle)))
            cv2.line(image, (x, y), tip, (30, 30, 30), max(radius // 10, 1), cv2.LINE_AA)
    elif kind == 2:  # a ball
        cv2.circle(image, (x, y), radius, _any_colour(rng), cv2.FILLED, cv2.LINE_AA)
        cv2.ellipse(image, (x, y), (radius // 2, radius), 0, 0, 360, _any_colour(rng), max(radius // 12, 1))
    else:  # eyes on a rectangle, without a head
        cv2.rectangle(image, (x - rx, y - ry), (x + rx, y + ry), _any_colour(rng), cv2.FILLED)
        for side in (-1, 1):
            cv2.circle(image, (x + side * rx // 2, y - ry // 3), max(rx // 6, 1), (250, 250, 250), cv2.FILLED)


def _skin(rng: np.random.Generator) -> Colour:
    tone = rng.uniform(0.35, 1.0)
    return tuple(int(v * tone) for v in (165, 195, 240))  # type: ignore[return-value]


def _any_colour(rng: np.random.Generator) -> Colour:
    return tuple(int(v) for v in rng.integers(20, 236, 3))  # type: ignore[return-value]
