"""The neck of the released model."""

import torch

from facedet.detector.config import load_config
from facedet.detector.model import build_detector


def test_the_extra_level_is_computed_before_the_context_module_of_the_coarsest_level() -> None:
    neck = build_detector(load_config("tiny")).neck.eval()
    inputs = [torch.randn(1, c, s, s) for c, s in zip((64, 128, 256, 512), (16, 8, 4, 2), strict=True)]
    before = neck(inputs)
    torch.nn.init.zeros_(neck.context_modules[3].conv1.conv.weight)
    after = neck(inputs)
    assert len(after) == 5
    assert after[4].shape[-1] == 1
    torch.testing.assert_close(after[4], before[4])
    assert not torch.allclose(after[3], before[3])
