"""Write the result of a check: check.json for scripts, check.html with example images for people."""

from pathlib import Path

import cv2
import numpy as np

from facedet.common.errors import UserError
from facedet.common.page import as_jpeg, write_report
from facedet.data.image import read_image
from facedet.data.inspect.check import CheckResult, face_count_labels, height_labels
from facedet.data.inspect.findings import KINDS, Finding

_MAX_EXAMPLES = 24  # of each kind, the worst
_SIDE = 320  # pixels of a thumbnail's longer side
_MAX_MARGIN = 0.4  # of the image: how much is added on each side to show boxes outside
_GAP = 6  # pixels between two images
_MIN_DRAWN = 6  # pixels: smaller boxes are drawn with this size
_RED, _GREY = (60, 60, 220), (242, 242, 242)  # BGR


def write_check(result: CheckResult, folder: Path) -> Path:
    """Write check.json and check.html into `folder` and return the path of check.html. Raises UserError."""
    return write_report(
        Path(__file__).with_name("check.html"),
        folder,
        result.as_dict(),
        about=result.about,
        result=result,
        kinds=KINDS,
        height_labels=height_labels(),
        face_count_labels=face_count_labels(),
        sections=[_section(result, kind) for kind, _, _ in result.kinds()],
    )


def _section(result: CheckResult, kind: str) -> dict:
    found = result.of_kind(kind)
    examples = [{"finding": finding, "jpeg": _example(finding)} for finding in found[:_MAX_EXAMPLES]]
    return {"kind": kind, "examples": examples, "more": len(found) - len(examples)}


def _example(finding: Finding) -> str | None:
    """Base64 JPEG of the image, next to `other` if there is one; None if there is no image to show."""
    if finding.kind in ("entry", "remark", "picture", "no-faces"):
        return None
    try:
        images = [_thumbnail(path, finding) for path in (finding.path, finding.other) if path]
    except UserError:  # removed since the check
        return None
    height = min(image.shape[0] for image in images)
    images = [cv2.resize(i, (max(i.shape[1] * height // i.shape[0], 1), height)) for i in images]
    row = np.hstack([part for i in images for part in (i, np.full((height, _GAP, 3), _GREY, np.uint8))][:-1])
    return as_jpeg(row)


def _thumbnail(path: Path, finding: Finding) -> np.ndarray:
    image = read_image(path)
    boxes = np.array([box for box in finding.boxes if np.isfinite(box).all()]).reshape(-1, 4)
    scale = _SIDE / max(image.shape[:2])
    width, height = (max(round(side * scale), 1) for side in image.shape[1::-1])
    image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    boxes = boxes * scale
    left, top, right, bottom = _margins(boxes, width, height)
    image = cv2.copyMakeBorder(image, top, bottom, left, right, cv2.BORDER_CONSTANT, value=_GREY)
    for box in boxes:
        _draw(image, box + np.array([left, top, left, top]))
    return image


def _margins(boxes: np.ndarray, width: int, height: int) -> tuple[int, int, int, int]:
    """Margins (left, top, right, bottom) in pixels that make boxes outside the image visible."""
    if len(boxes) == 0:
        return 0, 0, 0, 0
    low, high = boxes.reshape(-1, 2).min(axis=0), boxes.reshape(-1, 2).max(axis=0)
    beyond = [-low[0], -low[1], high[0] - width, high[1] - height]
    limits = [_MAX_MARGIN * width, _MAX_MARGIN * height] * 2
    left, top, right, bottom = (int(np.clip(b + 4 if b > 0 else 0, 0, m)) for b, m in zip(beyond, limits, strict=True))
    return left, top, right, bottom


def _draw(image: np.ndarray, box: np.ndarray) -> None:
    centre, half = (box[:2] + box[2:]) / 2, np.maximum(np.abs(box[2:] - box[:2]), _MIN_DRAWN) / 2
    limit = max(image.shape[:2])  # a box may be far outside the image
    corners = np.concatenate([centre - half, centre + half]).clip(-limit, 2 * limit)
    x1, y1, x2, y2 = corners.round().astype(int).tolist()
    cv2.rectangle(image, (x1, y1), (x2, y2), _RED, 2, cv2.LINE_AA)
