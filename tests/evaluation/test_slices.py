"""Figures in groups of faces."""

import numpy as np
import pytest
from helpers.boxes import boxes, detections, photo

from facedet.data.structures import Detections, Photo
from facedet.evaluation.divisions import HEIGHT, Division, divide, named
from facedet.evaluation.draws import Draws
from facedet.evaluation.metrics.heights import height_curve
from facedet.evaluation.slices import Slice, compare_slices, detected_faces, measure_slices

FACE = (100, 100, 40, 40)


def alone(images: int) -> Draws:
    """Resamples of images of which none is a near-duplicate."""
    return Draws([[k] for k in range(images)], images)


def by_image(name: str, of_images: list[str]) -> Division:
    """A division of images with one face each."""
    faces = named(name, of_images)
    return Division(name, faces.groups, faces.of_faces, faces.of_faces)


def half_dark(images: int = 40) -> tuple[list[Photo], list[Detections], Division]:
    """One face an image; every second image is dark, and of the dark ones, every second face is missed. Each dark image
    has a false alarm, which scores lower than the faces."""
    photos = [photo(f"{k}.png", boxes(FACE)) for k in range(images)]
    found = []
    for k in range(images):
        rows = [(*FACE, 0.9)] if k % 4 != 1 else [(*FACE, 0.2)]
        found.append(detections(*rows, *([(300, 300, 40, 40, 0.5)] if k % 2 else [])))
    return photos, found, by_image("light", ["dark" if k % 2 else "bright" for k in range(images)])


def test_a_planted_weakness_is_the_worst_slice() -> None:
    photos, found, light = half_dark()
    done = measure_slices(photos, found, [*divide(photos), light], 0.3, alone(40))
    dark, bright = (next(each for each in done.all if each.name == name) for name in ("dark", "bright"))
    assert (done.recall, dark.recall, bright.recall) == (0.75, 0.5, 1.0)
    assert (dark.faces, dark.images, dark.detected) == (20, 20, 10)
    assert (dark.false_alarms, bright.false_alarms) == (1.0, 0.0)
    assert dark.interval is not None
    assert 0.2 < dark.interval[0] < 0.35
    assert 0.65 < dark.interval[1] < 0.8
    assert bright.interval is not None
    assert 0.7 < bright.interval[0] < 1.0 == bright.interval[1]  # no resample misses a face, but others might
    assert bright.ap50 == 1.0
    assert dark.ap50 == pytest.approx(0.5 + 0.5 * 20 / 40)  # ten right, twenty wrong, ten right
    assert done.worst[0].slice == dark
    assert [box.image_index % 4 for box in done.worst[0].misses] == [1] * 5
    assert {box.image_index % 2 for box in done.worst[0].false_positives} == {1}
    assert done.divisions[0][0] == "light"


def test_a_slice_that_is_surely_worse_is_told_from_chance() -> None:
    photos, found, light = half_dark(400)
    done = measure_slices(photos, found, [light], 0.3, alone(400))
    assert [each.name for each in done.below] == ["dark"]
    random = np.random.default_rng(0)
    chance = by_image("coin", ["heads" if heads else "tails" for heads in random.random(400) < 0.5])
    assert measure_slices(photos, found, [chance], 0.3, alone(400)).below == []


def test_ap_of_faces_is_that_of_the_height_curve() -> None:
    random = np.random.default_rng(3)
    photos, found = [], []
    for k in range(30):
        corners = random.uniform(0, 300, (random.integers(0, 6), 2))
        faces = np.hstack([corners, corners + random.uniform(8, 200, corners.shape)])
        photos.append(photo(f"{k}.png", faces, *(random.random(len(faces)) < 0.2)))
        near = np.repeat(faces, 2, axis=0) + random.normal(0, 6, (2 * len(faces), 4))
        corners = random.uniform(0, 400, (5, 2))
        rows = np.vstack([near, np.hstack([corners, corners + 60])])
        scores = -np.sort(-random.random(len(rows)))
        found.append(Detections(random.permutation(rows), scores))
    done = measure_slices(photos, found, divide(photos), 0.3, alone(30))
    edges = {"16 to 32": (16, 32), "32 to 64": (32, 64), "64 to 128": (64, 128), "128 to 256": (128, 256)}
    judged = {each.name: each for each in done.all if each.by == HEIGHT and each.recall is not None}
    assert len(judged) >= 2
    for name, each in judged.items():
        curve = height_curve([p.boxes for p in photos], found, *edges[name], [p.ignored for p in photos])
        assert each.ap50 == curve.area


@pytest.mark.parametrize(("images", "faces", "is_judged"), [(9, 6, False), (19, 1, False), (10, 2, True)])
def test_too_few_faces_or_images_are_said_and_not_judged(images: int, faces: int, is_judged: bool) -> None:
    rows = [(60 * k, 0, 40, 40) for k in range(faces)]
    photos = [photo(f"{k}.png", boxes(*rows)) for k in range(images)]
    found = [detections(*((*row, 0.9) for row in rows))] * images
    done = measure_slices(photos, found, divide(photos), 0.3, alone(images))
    (height,) = (each for each in done.all if each.by == HEIGHT)
    assert height.is_judged == is_judged
    assert (height.faces, height.detected) == (images * faces, images * faces)
    assert (height.recall is None) == (height.ap50 is None) == (height.interval is None) == (not is_judged)


def test_near_duplicates_are_drawn_together() -> None:
    photos, found, light = half_dark(160)
    one = by_name(measure_slices(photos, found, [light], 0.3, alone(160)).all)["dark"].interval
    groups = [[k, k + 4, k + 8, k + 12, k + 16] for k in range(160) if k % 20 < 4]
    together = by_name(measure_slices(photos, found, [light], 0.3, Draws(groups, 160)).all)["dark"].interval
    assert one
    assert together
    assert together[1] - together[0] > 1.5 * (one[1] - one[0])


def by_name(slices: list[Slice]) -> dict[str, Slice]:
    return {each.name: each for each in slices}


def test_images_without_faces_count_only_for_false_alarms() -> None:
    photos = [photo("a.png", boxes()), photo("b.png", boxes())]
    found = [detections((0, 0, 9, 9, 0.9), (50, 50, 9, 9, 0.1)), detections()]
    done = measure_slices(photos, found, [*divide(photos), by_image_of(["x", "y"])], 0.3, alone(2))
    assert done.recall is None
    assert {each.name: (each.faces, each.false_alarms) for each in done.all} == {
        "0": (0, 0.5),
        "x": (0, 1),
        "y": (0, 0),
    }
    assert done.worst == []
    assert done.as_dict()["slices"][0]["recall"] is None


def by_image_of(names: list[str]) -> Division:
    """A division of images without faces."""
    return Division("camera", tuple(names), np.zeros(0, int), np.arange(len(names)))


def test_two_models_are_compared_by_slice() -> None:
    photos, found, light = half_dark(80)
    better = [detections((*FACE, 0.9)) for _ in photos]
    hits = detected_faces(photos, found, 0.3), detected_faces(photos, better, 0.3)
    rows = {each.name: each for each in compare_slices(photos, [light], hits, alone(80))}
    assert (rows["dark"].detected, rows["dark"].recalls, rows["dark"].differs) == ((20, 40), (0.5, 1.0), True)
    assert rows["bright"].recalls == (1.0, 1.0)
    assert not rows["bright"].differs
    few = compare_slices(photos[:8], [by_image("light", ["dark", "bright"] * 4)], (hits[0][:8], hits[1][:8]), alone(8))
    assert {each.recalls for each in few} == {None}
