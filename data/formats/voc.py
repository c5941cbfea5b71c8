"""Pascal VOC folder: `images/` or `JPEGImages/`, `annotations/` or `Annotations/`; `difficult` faces are ignored.

Corners are taken as written, without VOC's one-pixel origin: the tools of today write them from zero.
"""

import xml.etree.ElementTree as ET
from pathlib import Path

from facedet.core.common.errors import UserError
from facedet.core.data.formats.parsing import Face, annotated_image
from facedet.core.data.image import SUFFIXES
from facedet.core.data.structures import Photo


def read(path: Path, images: Path | None, skipped: list[str]) -> list[Photo]:
    """The photographs of a VOC folder, sorted by name. Raises UserError where it is no such folder.

    Adds a line to `skipped` for each annotation that is none; a malformed box becomes one of NaN.
    """
    annotations = _subfolder(path, "annotations", "Annotations")
    folder = images or _subfolder(path, "images", "JPEGImages")
    files = sorted(annotations.glob("*.xml"))
    if not files:
        raise UserError(f"{annotations}: holds no .xml annotations")
    by_stem = {p.stem: p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES}
    photos = []
    for file in files:
        try:
            photos.append(_photo(file, folder, by_stem))
        except UserError as error:
            skipped.append(str(error))
    return photos


def _photo(file: Path, folder: Path, by_stem: dict[str, Path]) -> Photo:
    try:
        root = ET.parse(file).getroot()
        if root.tag != "annotation":
            raise ValueError(f"its root is <{root.tag}>, not <annotation>")
        faces = [_face(node) for node in root.findall("object")]
        width, height = (int(float(root.findtext(f"size/{side}") or 0)) for side in ("width", "height"))
    except (ET.ParseError, ValueError, OSError, OverflowError, LookupError, RecursionError) as error:
        raise UserError(f"{file}: not a Pascal VOC annotation ({error})") from error
    named = folder / (root.findtext("filename") or f"{file.stem}.jpg").strip()
    image = named if named.is_file() else by_stem.get(file.stem, named)
    return annotated_image(image, (width, height), faces)


def _face(node: ET.Element) -> Face:
    box = [_number(node, f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")]
    ignored = (node.findtext("difficult") or "0").strip() not in ("", "0")
    return box, ignored, (node.findtext("name") or "").strip()


def _number(node: ET.Element, name: str) -> float:
    try:
        return float(node.findtext(name) or "nan")
    except ValueError:
        return float("nan")


def _subfolder(path: Path, *names: str) -> Path:
    for name in names:
        if (path / name).is_dir():
            return path / name
    raise UserError(f"{path}: not a Pascal VOC folder (it has no {' or '.join(f'{n}/' for n in names)})")
