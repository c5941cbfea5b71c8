"""HTML reports: one self-contained file each, with the images embedded."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import jinja2
import numpy as np

from facedet.common.files import as_json, write_text, write_texts
from facedet.common.report_facts import ReportFacts, rows


def write_report(
    template: Path, folder: Path, content: Mapping[str, Any], *, about: ReportFacts | None, **values: Any
) -> Path:
    """Write `content` as JSON and the page of `write_page` into `folder`, both under the template's name.

    Returns the path of the page. Raises UserError.
    """
    path = folder / template.name
    write_texts({path: _fill(template, about, values), path.with_suffix(".json"): as_json(content)})
    return path


def write_page(template: Path, path: Path, *, about: ReportFacts | None, **values: Any) -> Path:
    """Fill a template with escaped values and write the page; returns its path. Raises UserError.

    A template extends page.html, which is next to this module. about: for the table at the end of the page.
    """
    write_text(path, _fill(template, about, values))
    return path


def _fill(template: Path, about: ReportFacts | None, values: dict[str, Any]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([template.parent, Path(__file__).parent]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["file_name"] = lambda name: Path(name).name
    return environment.get_template(template.name).render(about=rows(about) if about else [], **values)


def as_jpeg(image: np.ndarray) -> str:
    """Encode an image uint8 [h, w, 3] BGR as JPEG in base64."""
    return in_base64(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes())


def in_base64(content: bytes) -> str:
    """Encode bytes in base64, for a `data:` URL."""
    return base64.b64encode(content).decode()
