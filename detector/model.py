"""From a config to the network."""

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmdet.models import SingleStageDetector as Detector
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

from facedet.core.common.errors import UserError, first_line
from facedet.core.detector import register  # noqa: F401


def build_detector(config: Config) -> Detector:
    """The network that `config.model` describes, with random weights. Raises UserError for settings it has not."""
    init_default_scope("mmdet")
    try:
        with _quiet():
            model = MODELS.build(copy.deepcopy(config.model))
            model.init_weights()
    except (TypeError, KeyError, ValueError, AttributeError, AssertionError) as error:
        raise UserError(f"{config.filename}: the model cannot be built ({first_line(error)})") from error
    return model


def preprocess(model: Detector, images: torch.Tensor) -> torch.Tensor:
    """Images [b, 3, h, w] BGR 0..255 as the network wants them: channel order, mean and deviation of its config."""
    front = model.data_preprocessor
    if front._channel_conversion:
        images = images.flip(1)
    return (images - front.mean) / front.std


def dense(model: Detector, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Images as for `preprocess` -> boxes [b, anchors, 4] and scores [b, anchors] before thresholding and NMS."""
    net: Any = model
    levels = net.bbox_head(net.neck(net.backbone(preprocess(model, images))))
    return net.bbox_head.dense(*levels, images.shape[-2:])


@contextmanager
def _quiet() -> Iterator[None]:
    # mmengine logs every parameter that it initialises
    logging.disable(logging.INFO)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
