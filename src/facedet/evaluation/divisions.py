"""Ways to divide the faces of a dataset into groups, to see where a detector fails. Their edges never change, so that
two reports compare."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from facedet.data.structures import OCCLUSION, Photo
from facedet.evaluation.metrics.heights import HEIGHT_EDGES

MOST_GROUPS = 50  # of a division
NOT_MEASURED, NOT_GIVEN = "not measured", "not given"
HEIGHT, FACES_AN_IMAGE, BORDER = "face height, px", "faces an image", "distance to the border, face heights"
PIXEL_EDGES = {  # what `image_facts.face_facts` measures
    "brightness of the face, 0 to 255": (50, 90, 130, 170),
    "contrast of the face": (20, 40, 60),
    "sharpness of the face": (0.05, 0.1, 0.2),
}
_EDGES = {HEIGHT: HEIGHT_EDGES[1:-1], FACES_AN_IMAGE: (1, 2, 5, 20), BORDER: (0.02, 0.25, 1)}


@dataclass(frozen=True)
class Division:
    """Faces that are not ignored, of all photos, in groups.

    name: what divides them. groups: their names, in order. of_faces: int [faces], the group of each face. of_images:
    int [images], the group of each image, where all faces of an image are in one; else None. rest: the name of the
    group of what is not known, which is not ranked.
    """

    name: str
    groups: tuple[str, ...]
    of_faces: np.ndarray
    of_images: np.ndarray | None = None
    rest: str = ""


def divide(photos: Sequence[Photo], facts: Sequence[np.ndarray] = ()) -> list[Division]:
    """Every division that the photos allow. facts: `image_facts.face_facts` of each photo, of all its faces; empty if
    the images were not read."""
    divisions = [
        _binned(HEIGHT, of_faces(photos, lambda photo: photo.boxes[:, 3] - photo.boxes[:, 1])),
        _by_faces_an_image(photos),
        _binned(BORDER, of_faces(photos, _border_distance)),
    ]
    if facts:
        kept = [each[~photo.ignored] for each, photo in zip(facts, photos, strict=True)]
        measured = np.concatenate([np.zeros((0, len(PIXEL_EDGES)), np.float32), *kept])
        divisions += [_binned(name, measured[:, k]) for k, name in enumerate(PIXEL_EDGES)]
    occlusion = of_faces(photos, lambda photo: photo.occlusion or [-1] * len(photo.boxes))
    if (occlusion >= 0).any():
        names = [OCCLUSION[int(level)] if level >= 0 else NOT_GIVEN for level in occlusion]
        divisions.append(named("annotated occlusion", names, [*OCCLUSION, NOT_GIVEN], rest=NOT_GIVEN))
    classes = [name for photo in photos for name, out in zip(photo.classes, photo.ignored, strict=False) if not out]
    if len(classes) == len(occlusion) and 1 < len(set(classes)) <= MOST_GROUPS:
        divisions.append(named("class", classes))
    return divisions


def of_faces(photos: Sequence[Photo], values: Callable[[Photo], Sequence[float] | np.ndarray]) -> np.ndarray:
    """A value of each face that is not ignored, float64 [faces]. values: of all faces of a photo."""
    parts = [np.asarray(values(photo), float)[~photo.ignored] for photo in photos]
    return np.concatenate([np.zeros(0), *parts])


def image_of_faces(photos: Sequence[Photo]) -> np.ndarray:
    """The index of the image of each face that is not ignored, int [faces]."""
    return np.repeat(np.arange(len(photos)), [int((~photo.ignored).sum()) for photo in photos])


def named(name: str, values: Sequence[str], order: Iterable[str] = (), *, rest: str = "") -> Division:
    """A division of faces by a name that each has. order: of the groups, if not that of the alphabet."""
    groups = tuple(dict.fromkeys(order or sorted(set(values))))
    place = {group: k for k, group in enumerate(groups)}
    return Division(name, groups, np.array([place[value] for value in values], int), rest=rest)


def _binned(name: str, values: np.ndarray) -> Division:
    edges = (_EDGES | PIXEL_EDGES)[name]
    groups = (*_ranges(edges), NOT_MEASURED)
    number = np.where(np.isnan(values), len(groups) - 1, np.digitize(values, edges))
    return Division(name, groups, number, rest=NOT_MEASURED)


def _by_faces_an_image(photos: Sequence[Photo]) -> Division:
    edges = _EDGES[FACES_AN_IMAGE]
    of_images = np.digitize([int((~photo.ignored).sum()) for photo in photos], edges)
    groups = ("0", "1", *(f"{low} to {high - 1}" for low, high in pairwise(edges[1:])))
    return Division(FACES_AN_IMAGE, (*groups, f"{edges[-1]} and more"), of_images[image_of_faces(photos)], of_images)


def _ranges(edges: Sequence[float]) -> list[str]:
    between = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    return [f"below {edges[0]:g}", *between, f"{edges[-1]:g} and more"]


def _border_distance(photo: Photo) -> np.ndarray:
    """The smallest distance of each face from a side of the image, in heights of the face."""
    boxes = photo.boxes.astype(float)
    inside = np.column_stack([boxes[:, :2], [photo.width, photo.height] - boxes[:, 2:]])
    return inside.min(axis=1, initial=np.inf) / np.maximum(boxes[:, 3] - boxes[:, 1], 1e-9)
