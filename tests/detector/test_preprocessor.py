"""The preprocessing of a batch gives what mmdet's gives."""

import pytest
import torch
from mmdet.structures import DetDataSample

from facedet.detector.config import load_config
from facedet.detector.model import build_detector
from facedet.detector.preprocessor import DetDataPreprocessor, MMDetDataPreprocessor


@pytest.mark.parametrize("bgr_to_rgb", [True, False])
def test_a_batch_is_normalised_to_the_bit_like_mmdets(bgr_to_rgb: bool) -> None:
    settings = {**load_config("tiny").model.data_preprocessor, "bgr_to_rgb": bgr_to_rgb}
    del settings["type"]
    ours, theirs = DetDataPreprocessor(**settings), MMDetDataPreprocessor(**settings)
    assert type(build_detector(load_config("tiny")).data_preprocessor) is DetDataPreprocessor
    generator = torch.Generator().manual_seed(0)
    images = [torch.randint(0, 256, (3, 32, 48), dtype=torch.uint8, generator=generator) for _ in range(3)]
    data = {"inputs": images, "data_samples": [DetDataSample() for _ in images]}
    assert torch.equal(ours(data, training=True)["inputs"], theirs(data, training=True)["inputs"])
