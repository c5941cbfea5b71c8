"""The area under a precision-recall curve."""

import numpy as np
import pytest

from facedet.evaluation.metrics.curve import Curve


def test_the_area_uses_every_point() -> None:
    curve = Curve(np.array([0.5, 0.5, 1.0]), np.array([1.0, 0.5, 2 / 3]), np.array([0.9, 0.8, 0.7]))
    assert curve.area == pytest.approx(0.5 + 0.5 * 2 / 3)
