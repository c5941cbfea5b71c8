"""Detected faces, missed faces and false positives."""

from helpers.boxes import boxes, detections, photo

from facedet.evaluation.metrics.faces import false_positives, is_detected, missed_faces


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
