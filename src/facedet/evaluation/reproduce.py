"""Reproduce the published card's table with the published IR on WIDER FACE val."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from facedet.common.errors import UserError
from facedet.common.progress import Progress, silent, step
from facedet.common.report_facts import ReportedDataset, report_facts
from facedet.data.fingerprint import fingerprint
from facedet.data.image import image_size
from facedet.data.structures import Photo
from facedet.detector.card import Card
from facedet.evaluation.evaluate import Evaluation, evaluate_detections
from facedet.evaluation.metrics.wider import WiderTruth, read_truth
from facedet.inference.info import describe
from facedet.inference.predict import predict
from facedet.inference.reported import reported_model
from facedet.inference.session import check_model, open_session


@dataclass(frozen=True)
class CardFigure:
    """One figure of the card: measured here and as published."""

    name: str
    measured: float
    published: float


def reproduce(wider: Path, ir: Path, progress: Progress = silent) -> tuple[list[CardFigure], Evaluation]:
    """Evaluate `ir` on WIDER FACE val and compare the figures with the card's. Raises UserError.

    wider: folder that contains WIDER_val/images and, anywhere below it, the four official .mat files
    (eval_tools/ground_truth).
    """
    check_model(ir)
    truth = read_truth(_ground_truth(wider))
    photos = _photos(wider, truth)
    session, info, card = open_session(ir), describe(ir), Card()
    detections, unreadable = predict(session, [p.path for p in photos], progress)
    if unreadable:
        raise UserError(f"{next(iter(unreadable.values()))}: the card's figures need all images")
    with step(progress, "measure"):
        evaluation = evaluate_detections(str(ir), photos, detections, truth, ("coco", "wider", "ap64"))
    wider_ap, coco = evaluation.metrics["wider"], evaluation.metrics["coco"]["AP"]
    figures = [
        CardFigure("AP, faces > 64x64, %", 100 * evaluation.metrics["ap64"], card.ap64),
        *(CardFigure(f"WIDER {name}, %", 100 * wider_ap[name], published) for name, published in card.wider.items()),
        CardFigure("COCO AP, %", 100 * (coco or 0.0), card.coco),
        CardFigure("MParams", info.card_million_parameters, card.million_parameters),
        CardFigure("GFLOPs", info.gflops, card.gflops),
    ]
    sets = [ReportedDataset(str(wider), role="WIDER FACE val", fingerprint=fingerprint(photos))]
    about = report_facts([reported_model(session)], sets)
    return figures, replace(evaluation, runtime=session.runtime, about=about)


def _ground_truth(wider: Path) -> Path:
    found = sorted(wider.rglob("wider_easy_val.mat"))
    if not found:
        raise UserError(f"{wider}: contains no wider_easy_val.mat; unpack the official eval_tools into it")
    return found[0].parent


def _photos(wider: Path, truth: WiderTruth) -> list[Photo]:
    images = wider / "WIDER_val" / "images"
    paths = [images / f"{name}.jpg" for name in truth.names]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        count = f"{len(missing)} of {len(paths)} images are missing in {images}"
        raise UserError(f"{missing[0]}: no such file or folder ({count})")
    photos = []
    for path, boxes in zip(paths, truth.boxes, strict=True):
        width, height = image_size(path)
        without_area = np.any(boxes[:, 2:] <= boxes[:, :2], axis=1)  # eleven faces, which nothing can match
        photos.append(Photo(path, width, height, boxes, without_area))
    return photos
