"""Pascal VOC folder: `images/` or `JPEGImages/`, `annotations/` or `Annotations/`. `difficult` faces are ignored.

Corners are used as written: VOC itself counts pixels from one, but current tools count from zero.
"""

import xml.etree.ElementTree as ET
from collections import defaultdict
from pathlib import Path, PurePosixPath

from facedet.common.errors import UserError
from facedet.data.formats.parsing import BoxAnnotation, Faces, beginning, flag, make_photo, numbers, xml_root
from facedet.data.image import SUFFIXES
from facedet.data.losses import Loss, Lost
from facedet.data.structures import Photo


def is_folder(folder: Path) -> bool:
    """Whether a folder has XML annotations that are not CVAT's."""
    files = (file for name in ("annotations", "Annotations") for file in (folder / name).glob("*.xml"))
    first = next(files, None)
    return first is not None and xml_root(beginning(first)) != "annotations"


def read(path: Path, images: Path | None, losses: list[Loss]) -> list[Photo]:
    """Read a VOC folder, sorted by annotation file. Raises UserError if it is not a VOC folder.

    The image of an annotation is the one with its name. If there is none, it is the one in its <filename>, which stays
    as it was when files are renamed. Adds to `losses` each annotation file that is malformed or has not one image.
    """
    annotations = _subfolder(path, "annotations", "Annotations")
    folder = images or _subfolder(path, "images", "JPEGImages")
    if not folder.is_dir():
        raise UserError(f"{folder}: is not a folder; give the folder of the images")
    files = sorted(annotations.glob("*.xml"))
    if not files:
        raise UserError(f"{annotations}: contains no .xml annotations")
    by_stem: dict[str, list[Path]] = defaultdict(list)
    for image in sorted(folder.iterdir()):
        if image.suffix.lower() in SUFFIXES:
            by_stem[image.stem].append(image)
    photos: dict[Path, list[tuple[Path, Photo]]] = defaultdict(list)
    for file in files:
        try:
            photo = _photo(file, folder, by_stem)
            photos[photo.path].append((file, photo))
        except UserError as error:
            losses.append(Loss.of_error(Lost.IMAGE, file, error))
    for image, (first, *others) in photos.items():
        if others:
            losses.append(Loss(Lost.IMAGE, image, f"{first[0].name} and {others[0][0].name} both describe it"))
    return [described[0][1] for described in photos.values() if len(described) == 1]


def _photo(file: Path, folder: Path, by_stem: dict[str, list[Path]]) -> Photo:
    try:
        root = ET.parse(file).getroot()
        if root.tag != "annotation":
            raise ValueError(f"its root is <{root.tag}>, not <annotation>")
        faces = Faces.read(root.findall("object"), _face)
        width, height = (int(float(root.findtext(f"size/{side}") or 0)) for side in ("width", "height"))
    except (ET.ParseError, ValueError, OSError, OverflowError, LookupError, RecursionError) as error:
        raise UserError(f"{file}: not a Pascal VOC annotation ({error})") from error
    return make_photo(_image(file, root.findtext("filename"), folder, by_stem), (width, height), faces)


def _image(file: Path, stated: str | None, folder: Path, by_stem: dict[str, list[Path]]) -> Path:
    """The image of an annotation file. Raises UserError if several have its name."""
    name = PurePosixPath((stated or "").strip().replace("\\", "/")).name
    same = by_stem.get(file.stem, [])
    if len(same) > 1 and folder / name not in same:
        raise UserError(f"{file}: {same[0].name} and {same[1].name} have its name; remove one of them")
    if same:
        return folder / name if folder / name in same else same[0]
    return folder / (name or f"{file.stem}.jpg")


def _face(node: ET.Element) -> BoxAnnotation:
    name = (node.findtext("name") or "").strip()
    if node.find("bndbox") is None:
        raise ValueError(f"an <object> '{name}' has no <bndbox>")
    box = numbers([node.findtext(f"bndbox/{side}") or "" for side in ("xmin", "ymin", "xmax", "ymax")])
    return box, flag(node.findtext("difficult")), name


def _subfolder(path: Path, *names: str) -> Path:
    for name in names:
        if (path / name).is_dir():
            return path / name
    raise UserError(f"{path}: not a Pascal VOC folder (it has no {' or '.join(f'{n}/' for n in names)})")
