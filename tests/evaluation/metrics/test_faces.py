"""Detected faces, missed faces and false positives."""

import numpy as np
from helpers.boxes import boxes, detections, photo

from facedet.data.structures import Detections, Photo
from facedet.evaluation.metrics.faces import false_positives, is_detected, missed_faces
from facedet.evaluation.metrics.heights import height_matches


def test_missed_faces_and_false_positives_are_sorted() -> None:
    photos = [photo("a.png", boxes((0, 0, 20, 20), (100, 100, 60, 60))), photo("b.png", boxes((0, 0, 40, 40)), True)]
    found = [
        detections((0, 0, 20, 20, 0.2), (300, 300, 30, 30, 0.7)),
        detections((0, 0, 39, 39, 0.9), (90, 90, 9, 9, 0.8)),
    ]
    misses = missed_faces(photos, found, 0.3)
    assert [(m.image_index, m.height) for m in misses] == [(0, 60), (0, 20)]  # the second has a low score
    assert [(f.image_index, f.score) for f in false_positives(photos, found)] == [(1, 0.8), (0, 0.7)]
    assert is_detected(photos[0], found[0], 0.1).tolist() == [True, False]


def test_a_detection_nearer_to_an_ignored_face_still_finds_the_one_that_counts() -> None:
    faces = photo("a.png", boxes((0, 0, 100, 100), (10, 10, 100, 100)), False, True)
    assert is_detected(faces, detections((8, 8, 100, 100, 0.9)), 0.3).tolist() == [True, False]


def test_a_second_detection_of_a_face_is_a_false_positive() -> None:
    found = detections((0, 0, 100, 100, 0.9), (2, 2, 100, 100, 0.8))
    assert [each.score for each in false_positives([photo("a.png", boxes((0, 0, 100, 100)))], [found])] == [0.8]


def test_faces_and_false_positives_are_those_of_the_curves() -> None:
    random, corners, photos, found = np.random.default_rng(0), np.array([0, 0, 60, 60]), [], []
    for k in range(200):
        near = random.integers(0, 60, (4, 4)) + corners  # they overlap
        photos.append(Photo(photo(f"{k}.png", near).path, 500, 500, near.astype(float), random.random(4) < 0.4))
        scores = np.sort(random.random(6))[::-1]
        found.append(Detections((random.integers(0, 60, (6, 4)) + corners).astype(float), scores))
    boxes_, ignored = [each.boxes for each in photos], [each.ignored for each in photos]
    matched, _ = height_matches(boxes_, found, 0, np.inf, ignored)
    wrong = [(k, score) for k, each in enumerate(matched) for score in each.scores[each.wrong]]
    assert {(each.image_index, each.score) for each in false_positives(photos, found, limit=None)} == set(wrong)
    detected = [int(is_detected(*pair, 0.5).sum()) for pair in zip(photos, found, strict=True)]
    assert detected == [int((each.right & (each.scores > 0.5)).sum()) for each in matched]
    assert 0 < sum(detected) < 800
