"""Size and cost of the released network."""

import pytest

from facedet.detector.card import Card
from facedet.detector.complexity import measure
from facedet.detector.config import load_config


def test_the_figures_of_the_card_are_reproduced() -> None:
    size = measure(load_config("face_detection_0206"))
    assert size.parameters == 63_788_363
    assert size.card_parameters == 69_919_575
    assert round(size.card_parameters / 1e6, 3) == pytest.approx(Card.million_parameters)
    assert size.gflops == pytest.approx(Card.gflops, rel=1e-5)
    assert size.conv_gflops == pytest.approx(338.5708, abs=1e-4)
