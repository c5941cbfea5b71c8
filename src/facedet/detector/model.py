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
from facedet.detector.config import import_custom
from facedet.detector.head import FaceATSSHead

_UNBUILDABLE = (TypeError, LookupError, ValueError, AttributeError, AssertionError, ArithmeticError, RuntimeError)


def build_detector(config: Config) -> Detector:
    """Build the network that `config.model` describes, with random weights. Raises UserError for invalid settings."""
    init_default_scope("mmdet")
    import_custom(config)
    try:
        with quiet():
            model = MODELS.build(copy.deepcopy(config.model))
            model.init_weights()
    except _UNBUILDABLE as error:
        raise UserError(f"{config.filename}: the model cannot be built ({first_line(error)})") from error
    if not isinstance(model.bbox_head, FaceATSSHead):
        raise UserError(f"{config.filename}: model.bbox_head: give FaceATSSHead or a class derived from it")
    return model


def check_runs(model: Detector, source: str) -> None:
    """Raise UserError if backbone, neck and head do not fit together. source: start of the message."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            dense(model, torch.zeros(1, 3, 64, 64))
    except _UNBUILDABLE as error:
        raise UserError(f"{source}: its network cannot run ({first_line(error)})") from error
    finally:
        model.train(training)


def preprocess(model: Detector, images: torch.Tensor) -> torch.Tensor:
    """Normalise images [b, 3, h, w] BGR 0..255 by the config: channel order, mean, standard deviation."""
    preprocessor = model.data_preprocessor
    if preprocessor._channel_conversion:
        images = images.index_select(1, torch.tensor([2, 1, 0], device=images.device))  # unlike flip, OpenCV has it
    return (images - preprocessor.mean) / preprocessor.std


def dense(model: Detector, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Boxes [b, anchors, 4] and scores [b, anchors] before thresholding and NMS. images: as for `preprocess`."""
    net: Any = model
    levels = net.bbox_head(net.neck(net.backbone(preprocess(model, images))))
    return net.bbox_head.dense(*levels, images.shape[-2:])


@contextmanager
def quiet() -> Iterator[None]:
    """Keep mmengine from printing a line for each parameter that it builds."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
