"""Write a quantization as JSON and as an HTML report."""

from pathlib import Path

from facedet.common.files import write_json
from facedet.common.page import write_page
from facedet.evaluation.compare_report import crop_sections
from facedet.evaluation.gated_quantization import Quantization


def write_quantization(done: Quantization, folder: Path) -> Path:
    """Write quantization.json and quantization.html into `folder`; returns the path of the HTML file."""
    write_json(done.as_dict(), folder / "quantization.json")
    return write_page(
        Path(__file__).with_name("quantization.html"),
        folder / "quantization.html",
        done=done,
        first=done.variants[0],
        sections=crop_sections(done.comparison) if done.comparison else [],
    )
