"""What training prints at its end."""

from types import SimpleNamespace
from typing import Any

import pytest

from facedet.text.training import summary_text
from facedet.weights.operating_point import OperatingPoint


@pytest.mark.parametrize(
    ("best", "said"),
    [
        ({"epoch": 3, "AP": 0.7, "AP50": 0.9}, "best: AP 0.700, AP50 0.900 at epoch 3"),
        (
            {"epoch": 0, "AP": 0.7, "AP50": 0.9},
            "best: AP 0.700, AP50 0.900 at epoch 0, the start: training did not improve on it (AP 0.200 at epoch 4), "
            "so run/best.pth holds the weights that it started from",
        ),
    ],
)
def test_it_says_whether_training_improved_on_its_start(best: dict[str, Any], said: str) -> None:
    last = {"epoch": 4, "AP": 0.2}
    files = {"best_checkpoint": "run/best.pth", "report": "run/training.html"}
    done: Any = SimpleNamespace(best=best, last=last, operating_point=None, **files)
    assert summary_text(done) == f"{said}\nwrote run/best.pth and run/training.html"
    done.operating_point = OperatingPoint(0.41, 0.9, 0.8, 0.85, 0.1, 8, 14, "abc", "best F1")
    assert "\nit shows boxes above its threshold 0.41: best F1 on 8 images with 14 faces, " in summary_text(done)
