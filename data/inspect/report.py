"""A check for people and scripts: check.json and one HTML page with the worst cases inside it."""

from pathlib import Path

import cv2
import numpy as np

from facedet.core.common.errors import UserError
from facedet.core.common.files import write_json
from facedet.core.common.page import as_jpeg, write_page
from facedet.core.data.image import read_image
from facedet.core.data.inspect.check import Check, face_names, height_names
from facedet.core.data.inspect.findings import KINDS, Finding

_SHOWN = 24  # worst cases of each kind
_SIDE = 320  # pixels of a thumbnail's longer side
_MARGIN = 0.4  # of the picture: how far boxes outside are followed
_GAP = 6  # pixels between two pictures
_SEEN = 6  # pixels: smaller boxes are drawn this large
_RED, _PAPER = (60, 60, 220), (242, 242, 242)  # BGR


def write_report(check: Check, folder: Path) -> Path:
    """Write check.json and check.html into `folder`; returns the page's path. Raises UserError."""
    write_json(check.as_dict(), folder / "check.json")
    return write_page(
        Path(__file__).with_name("check.html"),
        folder / "check.html",
        check=check,
        kinds=KINDS,
        heights=height_names(),
        faces=face_names(),
        cases=[_cases(check, kind) for kind, _, _ in check.kinds()],
    )


def _cases(check: Check, kind: str) -> dict:
    found = check.of_kind(kind)
    figures = [{"finding": finding, "jpeg": _picture(finding)} for finding in found[:_SHOWN]]
    return {"key": kind, "figures": figures, "more": len(found) - len(figures)}


def _picture(finding: Finding) -> str | None:
    """A thumbnail as base64 JPEG, of both pictures where there are two; None where there is nothing to see."""
    if finding.kind in ("entry", "picture", "no-faces"):
        return None
    try:
        images = [_thumbnail(path, finding) for path in (finding.path, finding.other) if path]
    except UserError:  # gone since the check
        return None
    height = min(image.shape[0] for image in images)
    images = [cv2.resize(i, (max(i.shape[1] * height // i.shape[0], 1), height)) for i in images]
    sheet = np.hstack([part for i in images for part in (i, np.full((height, _GAP, 3), _PAPER, np.uint8))][:-1])
    return as_jpeg(sheet)


def _thumbnail(path: Path, finding: Finding) -> np.ndarray:
    image = read_image(path)
    boxes = np.array([box for box in finding.boxes if np.isfinite(box).all()]).reshape(-1, 4)
    scale = _SIDE / max(image.shape[:2])
    width, height = (max(round(edge * scale), 1) for edge in image.shape[1::-1])
    image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    boxes = boxes * scale
    left, top, right, bottom = _margins(boxes, width, height)
    image = cv2.copyMakeBorder(image, top, bottom, left, right, cv2.BORDER_CONSTANT, value=_PAPER)
    for box in boxes:
        _draw(image, box + np.array([left, top, left, top]))
    return image


def _margins(boxes: np.ndarray, width: int, height: int) -> tuple[int, int, int, int]:
    """How far to go beyond the picture on each side to show the boxes, pixels."""
    if len(boxes) == 0:
        return 0, 0, 0, 0
    low, high = boxes.reshape(-1, 2).min(axis=0), boxes.reshape(-1, 2).max(axis=0)
    beyond = [-low[0], -low[1], high[0] - width, high[1] - height]
    limits = [_MARGIN * width, _MARGIN * height] * 2
    left, top, right, bottom = (int(np.clip(b + 4 if b > 0 else 0, 0, m)) for b, m in zip(beyond, limits, strict=True))
    return left, top, right, bottom


def _draw(image: np.ndarray, box: np.ndarray) -> None:
    centre, half = (box[:2] + box[2:]) / 2, np.maximum(np.abs(box[2:] - box[:2]), _SEEN) / 2
    edge = max(image.shape[:2])
    x1, y1, x2, y2 = np.concatenate([centre - half, centre + half]).clip(-edge, 2 * edge).round().astype(int).tolist()
    cv2.rectangle(image, (x1, y1), (x2, y2), _RED, 2, cv2.LINE_AA)
