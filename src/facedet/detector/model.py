"""Build the network of a config and run it up to NMS."""

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

from facedet.common.errors import UserError, first_line
from facedet.detector import register  # noqa: F401


def build_detector(config: Config) -> Detector:
    """Build the network that `config.model` describes, with random weights. Raises UserError for invalid settings."""
    init_default_scope("mmdet")
    try:
        with _quiet():
            model = MODELS.build(copy.deepcopy(config.model))
            model.init_weights()
    except (TypeError, KeyError, ValueError, AttributeError, AssertionError) as error:
        raise UserError(f"{config.filename}: the model cannot be built ({first_line(error)})") from error
    return model


def preprocess(model: Detector, images: torch.Tensor) -> torch.Tensor:
    """Normalise images [b, 3, h, w] BGR 0..255 by the config: channel order, mean, standard deviation."""
    preprocessor = model.data_preprocessor
    if preprocessor._channel_conversion:
        images = images.index_select(1, torch.tensor([2, 1, 0], device=images.device))  # unlike flip, known to OpenCV
    return (images - preprocessor.mean) / preprocessor.std


def dense(model: Detector, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Boxes [b, anchors, 4] and scores [b, anchors] before thresholding and NMS. images: as for `preprocess`."""
    net: Any = model
    levels = net.bbox_head(net.neck(net.backbone(preprocess(model, images))))
    return net.bbox_head.dense(*levels, images.shape[-2:])


@contextmanager
def _quiet() -> Iterator[None]:
    # mmengine logs each parameter that it initialises
    logging.disable(logging.INFO)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
