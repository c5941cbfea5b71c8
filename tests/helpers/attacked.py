"""A small detector in every format, and what a verb does with a damaged copy of it."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch

from facedet.common.errors import UserError
from facedet.configs import FOLDER
from facedet.data.image import to_tensor
from facedet.data.synthetic import draw_image
from facedet.detector.config import load_config, network_to_json
from facedet.detector.model import build_detector
from facedet.export.export import export_model
from facedet.inference.info import describe
from facedet.inference.session import open_session, to_image_detections
from facedet.weights.checkpoint import META_KEY
from facedet.weights.importing import import_weights
from facedet.weights.torch_file import write_torch_file

SIZE = 64  # pixels
_CONFIG = f"""_base_ = {str(FOLDER / "tiny.py")!r}
input_size = {SIZE}
model = dict(
    backbone=dict(
        base_channels=8, stem_channels=8, num_stages=2, strides=(1, 2), dilations=(1, 1), out_indices=(0, 1)
    ),
    neck=dict(in_channels=[8, 16], out_channels=32, num_outs=2),
    bbox_head=dict(in_channels=32, feat_channels=32, stacked_convs=1, anchor_generator=dict(strides=[4, 8])),
)
"""


@dataclass(frozen=True)
class Attacked:
    """One detector in each format: .pth, .onnx and .xml with its .bin. It finds some boxes on any image."""

    checkpoint: Path
    onnx: Path
    ir: Path

    @property
    def files(self) -> list[Path]:
        return [self.checkpoint, self.onnx, self.ir]


def build(folder: Path) -> Attacked:
    """Write the detector. Its graph is not folded, so that `import` reads it."""
    (folder / "attacked.py").write_text(_CONFIG)
    config = load_config(folder / "attacked.py")
    torch.manual_seed(0)
    detector = build_detector(config)
    with torch.no_grad():
        for name in ("atss_cls", "atss_reg"):
            detector.get_parameter(f"bbox_head.{name}.weight").normal_(0, 0.3)
        detector.get_parameter("bbox_head.atss_cls.bias").zero_()
    content = {"meta": {META_KEY: network_to_json(config)}, "state_dict": detector.state_dict()}
    write_torch_file(content, folder / "detector.pth")
    paths = export_model(folder / "detector.pth", folder, ["onnx", "fp32"], fold=False)
    return Attacked(folder / "detector.pth", paths["onnx"], paths["fp32"])


def rows(path: Path) -> np.ndarray:
    """What a model computes for a drawn image, [n, 6], and whether the rest of the interface answers."""
    session = open_session(path)
    image = to_tensor(draw_image(np.random.default_rng(0))[0], (SIZE, SIZE))
    found = session.run(image)
    to_image_detections(found, session, SIZE, SIZE)
    session.interface()
    session.dense(image)
    return found


@cache
def _undamaged(path: Path) -> np.ndarray:
    return rows(path)


def try_model(path: Path, original: Path, may: str, *, imports: bool = True) -> None:
    """Open a file with `info`, `open` and `import`. Raises the first UserError, AssertionError if one is wrong.

    may: what may become of it: `same` as the original, `refused or same`, `refused or changed`. The current folder
    becomes the file's.
    """
    os.chdir(path.parent)
    actions: list[Callable[[], object]] = [lambda: describe(path), lambda: _check(path, original, may)]
    refusals = [refusal for refusal in map(_refusal, actions) if refusal]
    if imports:
        _refusal(lambda: import_weights(path, path.with_name("imported.pth")))
    assert may != "same" or not refusals, f"refused: {refusals[0]}"
    if refusals:
        raise refusals[0]


def _check(path: Path, original: Path, may: str) -> None:
    found, expected = rows(path), _undamaged(original)
    assert found.shape[1] == 6
    if "same" in may:
        assert found.shape == expected.shape
        assert np.allclose(found, expected, atol=1e-3), "computes another function"


def _refusal(action: Callable[[], object]) -> UserError | None:
    try:
        action()
    except UserError as error:
        if len(str(error).splitlines()) == 1:
            return error
        raise AssertionError(f"several lines: {error}") from error
    return None
