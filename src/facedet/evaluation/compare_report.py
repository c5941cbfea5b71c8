"""Reports of two models compared: of `compare`, and of a quantization."""

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from facedet.common.page import as_jpeg, write_report
from facedet.evaluation.compare import Comparison
from facedet.evaluation.draws import MIN_FACES, MIN_IMAGES
from facedet.evaluation.evaluation_report import draw_crops
from facedet.evaluation.metrics.faces import BoxInImage
from facedet.inference.draw import AMBER, BLUE, GREEN, RED

if TYPE_CHECKING:  # it needs torch, which comparing exports does not
    from facedet.evaluation.gated_quantization import Quantization

_SHOWN = 24  # crops per section


def write_comparison(comparison: Comparison, folder: Path) -> Path:
    """Write comparison.json and comparison.html into `folder`; returns the path of the HTML file."""
    template, sections = Path(__file__).with_name("comparison.html"), _crop_sections(comparison)
    return write_report(
        template,
        folder,
        comparison.as_dict(),
        about=comparison.about,
        comparison=comparison,
        sections=sections,
        divisions=[(by, list(rows)) for by, rows in groupby(comparison.slices, key=lambda each: each.by)],
        fewest_faces=MIN_FACES,
        fewest_images=MIN_IMAGES,
    )


def write_quantization(done: "Quantization", folder: Path) -> Path:
    """Write quantization.json and quantization.html into `folder`; returns the path of the HTML file."""
    template = Path(__file__).with_name("quantization.html")
    sections = _crop_sections(done.comparison) if done.comparison else []
    return write_report(
        template, folder, done.as_dict(), about=done.about, done=done, first=done.variants[0], sections=sections
    )


def _crop_sections(comparison: Comparison) -> list[tuple[str, int, list[tuple[str, str, BoxInImage]]]]:
    """For crops.html: the title of each section, its number of boxes, and a crop, file name and box for the first."""
    sections = [
        ("Gained: faces that only the second model detects", comparison.gained, GREEN),
        ("Lost: faces that only the first model detects", comparison.lost, RED),
        ("False positives of the first model, highest scores first", comparison.false_positives[0], BLUE),
        ("False positives of the second model, highest scores first", comparison.false_positives[1], AMBER),
    ]
    return [(title, len(boxes), _figures(comparison, boxes, colour)) for title, boxes, colour in sections]


def _figures(
    comparison: Comparison, boxes: list[BoxInImage], colour: tuple[int, int, int]
) -> list[tuple[str, str, BoxInImage]]:
    """The crop in base64, the file name and the box, for the first boxes."""
    shown = boxes[:_SHOWN]
    crops = draw_crops(comparison.photos, shown, colour)
    names = [comparison.photos[box.image_index].path.name for box in shown]
    return list(zip(map(as_jpeg, crops), names, shown, strict=True))
