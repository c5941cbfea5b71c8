"""Pascal VOC folder: `images/` or `JPEGImages/`, `annotations/` or `Annotations/`, or labelImg's: XML next to images.

`difficult` faces are ignored. Both folders may have the same subfolders. Corners are used as written:
VOC itself counts pixels from one, but current tools count from zero. CVAT writes the angle of a rotated box into its
attributes: it becomes the box around it.
"""

import re
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from facedet.common.errors import UserError
from facedet.data.formats.locate import names_another, stale_names, without_annotation
from facedet.data.formats.parsing import (
    ROTATED,
    BoxAnnotation,
    Faces,
    beginning,
    box_of_turned,
    enclosing,
    flag,
    make_photo,
    numbers,
    occlusion,
    rotation,
    xml_root,
)
from facedet.data.image import is_image_name
from facedet.data.losses import Loss, Lost
from facedet.data.storage import files_in, is_dir, opened
from facedet.data.structures import BOX, Photo

_PLACES = {"object": ("object",), "bndbox": ("object/bndbox", "object/part/bndbox")}  # of elements in the root
_ANNOTATIONS = ("annotations", "Annotations", "labels")  # the last and the last of the next are FiftyOne's
_IMAGES = ("images", "JPEGImages", "data")


def is_folder(folder: Path) -> bool:
    """Whether a folder has XML annotations that are not CVAT's."""
    first = next((file for name in _ANNOTATIONS for file in _xml_in(folder / name)), None)
    if first is not None:
        return xml_root(beginning(first)) != "annotations"
    return any(is_part(file) for file in _xml_in(folder, nested=False))


def is_part(file: Path) -> bool:
    """Whether a file is the annotation of one image."""
    return xml_root(beginning(file)) == "annotation"


def _xml_in(folder: Path, *, nested: bool = True) -> Iterator[Path]:
    return (file for file in files_in(folder, nested=nested) if file.suffix.lower() == ".xml")


def read(path: Path, images: Path | None, losses: list[Loss]) -> list[Photo]:
    """Read a VOC folder, sorted by annotation file. Raises UserError if it is not a VOC folder.

    The image of an annotation is the one with its name. If there is none, it is the one in its <filename>, which stays
    as it was when files are renamed. Adds to `losses` each annotation file that is malformed or has not one image, and
    how many state another image than theirs.
    """
    annotations = _subfolder(path, _ANNOTATIONS)
    files = sorted(_xml_in(annotations, nested=annotations != path))
    if not files:
        raise UserError(f"{annotations}: contains no .xml annotations")
    found = _Images.of(images or _subfolder(path, _IMAGES))
    photos: dict[Path, list[tuple[Path, Photo]]] = defaultdict(list)
    others: list[str] = []
    for file in files:
        try:
            size, faces, stated = _parse(file)
            photo = make_photo(found.find(file.relative_to(annotations), stated), size, faces)
            photos[photo.path].append((file, photo))
            others += [f"{file.name}: {stated}"] if names_another(stated, photo.path) else []
        except UserError as error:
            losses.append(Loss.of_error(Lost.IMAGE, file, error))
    losses += stale_names(path, others)
    stems = {file.stem for file in files}
    unused = (each for same in found.by_path.values() for each in same if each not in photos)
    losses += without_annotation(path, (each for each in unused if each.stem not in stems))
    for image, (first, *more) in photos.items():
        if more:
            losses.append(Loss(Lost.IMAGE, image, f"{first[0].name} and {more[0][0].name} both describe it"))
    return [described[0][1] for described in photos.values() if len(described) == 1]


@dataclass
class _Images:
    """The images of a folder: by their path in it without suffix, and by their name without suffix."""

    folder: Path
    by_path: dict[Path, list[Path]]
    by_stem: dict[str, list[Path]]

    @classmethod
    def of(cls, folder: Path) -> "_Images":
        """The images of a folder and its subfolders. Raises UserError if it is none."""
        if not is_dir(folder):
            raise UserError(f"{folder}: is not a folder; give the folder of the images")
        images = cls(folder, defaultdict(list), defaultdict(list))
        for image in files_in(folder):
            if is_image_name(image):
                images.by_path[image.relative_to(folder).with_suffix("")].append(image)
                images.by_stem[image.stem].append(image)
        return images

    @cached_property
    def nested(self) -> bool:
        """Whether any image is in a subfolder."""
        return any(len(path.parts) > 1 for path in self.by_path)

    def find(self, file: Path, stated: str) -> Path:
        """The image of an annotation file. file: relative to its folder. Raises UserError if several have its name."""
        by_stem = self.by_stem if len(file.parts) == 1 or not self.nested else {}  # another folder's image is not meant
        same = self.by_path.get(file.with_suffix("")) or by_stem.get(file.stem, [])
        exact = [image for image in same if image.name == stated]
        if len(same) > 1 and len(exact) != 1:
            first, second = (image.relative_to(self.folder) for image in same[:2])
            raise UserError(f"{first} and {second} have its name; remove one of them")
        if same:
            return (exact or same)[0]
        named = [image for image in by_stem.get(Path(stated).stem, []) if image.name == stated]
        return named[0] if len(named) == 1 else self.folder / (stated or f"{file.stem}.jpg")


def _parse(file: Path) -> tuple[tuple[int, int], Faces, str]:
    """The size and the faces of an annotation file, and the name of the image that it states. Raises UserError."""
    try:
        with opened(file) as content:
            root = ET.parse(content).getroot()
        if root.tag != "annotation":
            raise ValueError(f"its root is <{root.tag}>, not <annotation>")
        faces = Faces.read(root.findall("object"), _face)
        for tag, places in _PLACES.items():
            if len(root.findall(f".//{tag}")) > sum(len(root.findall(place)) for place in places):
                faces.unread.append(f"an element <{tag}> is at another place than {' or '.join(places)}")
        width, height = (int(float(root.findtext(f"size/{side}") or 0)) for side in ("width", "height"))
    except (ET.ParseError, ValueError, OSError, OverflowError, LookupError, RecursionError) as error:
        raise UserError(f"{file}: not a Pascal VOC annotation ({error})") from error
    stated = (root.findtext("filename") or "").strip().replace("\\", "/")
    return (width, height), faces, PurePosixPath(stated).name


def _face(node: ET.Element) -> BoxAnnotation:
    name = _text(node, "name").strip()
    ignored, hidden = flag(_text(node, "difficult")), occlusion(node.findtext("occluded"))
    if len(boxes := node.findall("bndbox")) != 1:
        if not boxes and (outline := node.find("polygon")) is not None:
            return BoxAnnotation(_box_of_polygon(outline), ignored, name, "polygon", hidden)
        if not boxes and (turned := node.find("robndbox")) is not None:
            return BoxAnnotation(_box_of_robndbox(turned), ignored, name, ROTATED, hidden)
        raise ValueError(f"an <object> '{name}' has {len(boxes) or 'no'} <bndbox>")
    box = numbers([_text(boxes[0], side) for side in ("xmin", "ymin", "xmax", "ymax")])
    attributes = {a.findtext("name"): a.findtext("value") for a in node.iterfind("attributes/attribute")}
    angle = rotation(attributes)
    shape = ROTATED if angle else BOX
    return BoxAnnotation(box_of_turned(box, angle), ignored, name, shape, hidden)


def _text(node: ET.Element, tag: str) -> str:
    """The text of an element in another one; empty without it. Raises ValueError if there are several that differ."""
    texts = {each.text or "" for each in node.findall(tag)}
    if len(texts) > 1:
        raise ValueError(f"a <{node.tag}> has several <{tag}>")
    return next(iter(texts), "")


def _box_of_polygon(node: ET.Element) -> list[float]:
    """The box around x1 y1 x2 y2 ..., as RectLabel writes them, or around <pt>, as LabelMe 3 does."""
    sides = [side for each in (node, *node.findall("pt")) for side in each]
    xs, ys = ([each.text or "" for each in sides if re.fullmatch(rf"{axis}\d*", each.tag)] for axis in "xy")
    return enclosing([value for point in zip(numbers(xs), numbers(ys), strict=True) for value in point])


def _box_of_robndbox(node: ET.Element) -> list[float]:
    """The box around a rotated box of roLabelImg: centre, sides, and an angle in radians."""
    x, y, w, h, angle = numbers([_text(node, key) for key in ("cx", "cy", "w", "h", "angle")])
    return box_of_turned([x - w / 2, y - h / 2, x + w / 2, y + h / 2], angle)


def _subfolder(path: Path, names: Sequence[str]) -> Path:
    """The first of the subfolders that is there, or else the folder itself."""
    return next((path / name for name in names if is_dir(path / name)), path)
