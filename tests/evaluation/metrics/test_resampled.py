"""Figures in resamples: those of the same images, repeated, from pycocotools and from the plain evaluation."""

from itertools import pairwise

import numpy as np
import pytest
from helpers.coco_judge import by_pycocotools, draw_image

from facedet.data.structures import Detections, Photo
from facedet.evaluation.metrics.bootstrap import resample_counts
from facedet.evaluation.metrics.coco import match_image
from facedet.evaluation.metrics.heights import HEIGHT_EDGES, ap64_curve, ap64_matches, height_curve, height_matches
from facedet.evaluation.metrics.resampled import coco_figures, curve_figures, in_resamples, wider_figures
from facedet.evaluation.metrics.wider import SETTINGS, WiderTruth, wider_curves

IMAGES, RESAMPLES = 30, 12
RANGES = [*pairwise(HEIGHT_EDGES), (0, np.inf)]


def drawn(whole: bool) -> tuple[list[Photo], list[Detections], np.ndarray]:
    rng = np.random.default_rng(5)
    photos, found = map(list, zip(*(draw_image(rng, whole) for _ in range(IMAGES)), strict=True))
    return photos, found, resample_counts([[0, 1, 2], *([k] for k in range(3, IMAGES))], RESAMPLES)


@pytest.mark.parametrize("whole", [False, True])  # many equal scores, in an image and of several
def test_coco_figures_are_those_of_pycocotools_on_repeated_images(whole: bool) -> None:
    photos, found, counts = drawn(whole)
    figures = coco_figures([match_image(*pair) for pair in zip(photos, found, strict=True)], int(counts.max()))
    done = in_resamples(figures, [counts[:5], counts[5:]])
    for row, of_images in enumerate(counts):
        repeated = np.repeat(np.arange(IMAGES), of_images)  # the copies of an image follow each other
        expected = by_pycocotools([photos[k] for k in repeated], [found[k] for k in repeated])
        assert [done[name][row] for name in done] == expected


def by_image(curves: list) -> list:
    """From matches of each curve to those of each image."""
    return [([m[k] for m, _ in curves], [f[k] for _, f in curves]) for k in range(IMAGES)]


@pytest.mark.parametrize("whole", [False, True])
def test_areas_of_curves_are_those_of_repeated_images(whole: bool) -> None:
    photos, found, counts = drawn(whole)
    most, faces, ignored = int(counts.max()), [p.boxes for p in photos], [p.ignored for p in photos]
    names = [str(limits) for limits in RANGES]
    ranges = [height_matches(faces, found, *limits, ignored) for limits in RANGES]
    card = [ap64_matches(faces, found, ignored)]
    figures = [curve_figures(n, by_image(m), most) for n, m in ((names, ranges), (["ap64"], card))]
    done = in_resamples(figures[0], [counts]) | in_resamples(figures[1], [counts])
    for row, of_images in enumerate(counts):
        repeated = np.repeat(np.arange(IMAGES), of_images)
        of_row = [faces[k] for k in repeated], [found[k] for k in repeated]
        assert done["ap64"][row] == pytest.approx(ap64_curve(*of_row, [ignored[k] for k in repeated]).area, abs=1e-12)
        for name, limits in zip(names, RANGES, strict=True):
            curve = height_curve(*of_row, *limits, [ignored[k] for k in repeated])
            counted = (counts[row] * figures[0].faces[name]).sum()
            expected = curve.area if counted else np.nan
            assert done[name][row] == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_areas_of_wider_face_are_those_of_repeated_images() -> None:
    photos, found, counts = drawn(whole=False)
    rng = np.random.default_rng(0)
    scores = [d.scores for d in found if len(d.scores)]
    least, most = min(s.min() for s in scores), max(s.max() for s in scores)
    found = [*found, Detections(np.array([[0, 0, 9, 9.0]] * 2), np.array([most, least]))]  # keeps the normalisation
    settings = {name: [rng.random(len(p.boxes)) < 0.7 for p in photos] for name in SETTINGS}

    def truth(repeated: np.ndarray) -> WiderTruth:
        of_settings = {name: [*(each[k] for k in repeated), np.zeros(1, bool)] for name, each in settings.items()}
        boxes = [*(photos[k].boxes.astype(float) for k in repeated), np.array([[400, 400, 450, 450.0]])]
        return WiderTruth([str(k) for k in range(len(boxes))], boxes, of_settings)

    names = {setting: setting for setting in SETTINGS}
    counts = np.column_stack([counts, np.ones(RESAMPLES, int)])
    done = in_resamples(wider_figures(names, truth(np.arange(IMAGES)), found), [counts])
    for row, of_images in enumerate(counts[:, :-1]):
        repeated = np.repeat(np.arange(IMAGES), of_images)
        curves = wider_curves(truth(repeated), [found[k] for k in [*repeated, IMAGES]])
        for setting in SETTINGS:
            assert done[setting][row] == pytest.approx(curves[setting].area, abs=1e-12)


def test_a_resample_without_faces_has_no_figure() -> None:
    photos, found, _ = drawn(whole=False)
    none, some = (next(k for k, p in enumerate(photos) if bool(len(p.boxes)) is has) for has in (False, True))
    figures = coco_figures([match_image(photos[k], found[k]) for k in (none, some)], 2)
    ap = figures.values(np.array([[2, 0], [1, 1]]))["AP"]
    assert np.isnan(ap).tolist() == [True, False]


def test_images_without_detections() -> None:
    photos, _, counts = drawn(whole=False)
    nothing = [Detections(np.zeros((0, 4)), np.zeros(0))] * IMAGES
    figures = coco_figures([match_image(*pair) for pair in zip(photos, nothing, strict=True)], int(counts.max()))
    assert (figures.values(counts)["AP"] == 0).all()
