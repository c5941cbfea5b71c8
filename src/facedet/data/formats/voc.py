"""Pascal VOC folder: `images/` or `JPEGImages/`, `annotations/` or `Annotations/`. `difficult` faces are ignored.

Corners are used as written: VOC itself counts pixels from one, but current tools count from zero.
"""

import xml.etree.ElementTree as ET
from pathlib import Path

from facedet.common.errors import UserError
from facedet.data.formats.parsing import BoxAnnotation, beginning, make_photo, xml_root
from facedet.data.image import SUFFIXES
from facedet.data.structures import Photo


def is_folder(folder: Path) -> bool:
    """Whether a folder has XML annotations that are not CVAT's."""
    files = (file for name in ("annotations", "Annotations") for file in (folder / name).glob("*.xml"))
    first = next(files, None)
    return first is not None and xml_root(beginning(first)) != "annotations"


def read(path: Path, images: Path | None, skipped: list[str]) -> list[Photo]:
    """Read a VOC folder, sorted by annotation file. Raises UserError if it is not a VOC folder.

    Adds a line to `skipped` for each malformed annotation file. A malformed box becomes a box of NaN.
    """
    annotations = _subfolder(path, "annotations", "Annotations")
    folder = images or _subfolder(path, "images", "JPEGImages")
    files = sorted(annotations.glob("*.xml"))
    if not files:
        raise UserError(f"{annotations}: contains no .xml annotations")
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
    stated = folder / (root.findtext("filename") or f"{file.stem}.jpg").strip()
    image = stated if stated.is_file() else by_stem.get(file.stem, stated)
    return make_photo(image, (width, height), faces)


def _face(node: ET.Element) -> BoxAnnotation:
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
