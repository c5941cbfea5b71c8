"""Annotations of tools whose format is not read: recognised, so that the message names them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from facedet.common.errors import UserError
from facedet.data.image import is_image_name
from facedet.data.storage import beginning_of, files_in, is_file

_HEAD = 4096  # bytes that are looked at
_LOOKED_AT = 50  # files of a folder
_NUMBER = r"-?\d+(?:\.\d+)?"


@dataclass(frozen=True)
class _Signature:
    """what: what people call it. name, head: expressions for the whole file name, and for the beginning of the file.

    advice: what to do.
    """

    what: str
    name: str = ""
    head: str = ""
    advice: str = "export as COCO, YOLO or CVAT"

    def fits(self, name: str, head: str) -> bool:
        by_name = bool(self.name) and re.fullmatch(self.name, name, re.IGNORECASE)
        return bool(by_name or (self.head and re.match(self.head, head, re.DOTALL)))


_TABLE = (
    _Signature("an archive", name=r".*\.(tar|tgz|tar\.\w+|gz|bz2|xz|rar|7z)", advice="give a zip, or unpack it"),
    _Signature("a TFRecord", name=r".*\.(tfrecords?|record)(-\d+-of-\d+)?"),
    _Signature("a Parquet file", head=r"PAR1"),
    _Signature("a MATLAB file", name=r".*\.mat", head=r"MATLAB ", advice="give wider_face_*_bbx_gt.txt, for example"),
    _Signature("Labelbox's export", head=r'\[?\s*\{.*("data_row"\s*:|"DataRow ID"\s*:|"Labeled Data"\s*:)'),
    _Signature(
        "Supervisely's export", head=r'\{.*("classTitle"\s*:|"projectType"\s*:|"tags".*"size"\s*:\s*\{.*"objects")'
    ),
    _Signature("V7's Darwin JSON", head=r'\{.*("schema_ref"\s*:|"workview_url"\s*:)'),
    _Signature("Encord's export", head=r'\[?\s*\{.*("label_hash"\s*:|"data_hash"\s*:)'),
    _Signature("a manifest of SageMaker", head=r'\{.*"source-ref"\s*:'),
    _Signature("Scale's export", head=r'\[?\s*\{.*"task_id"\s*:.*("response"\s*:|"callback_url"\s*:)'),
    _Signature("VoTT's export", head=r'\{.*"(visitedAssetIds|lastVisitedAssetId)"\s*:|"image","xmin"'),
    _Signature("a CreateML JSON", head=r'\[\s*\{.*"coordinates"\s*:\s*\{'),
    _Signature("a CSV of Open Images", head=r"ImageID,(Source|LabelName|Confidence|XMin)"),
    _Signature("a CSV of boxes", name=r"_annotations\.csv", head=r"(filename|image|image_path|path),.*x_?min"),
    _Signature(
        "Darknet's export", name=r"obj\.data", head=r"classes\s*=|data/obj_", advice="give the folder of its images"
    ),
    _Signature("a label file of KITTI", head=rf"[A-Za-z]\S*(?: {_NUMBER}){{14,15}}\s*(\n|$)"),
    _Signature("a text file of MOT", head=rf"\d+,-?\d+(?:,{_NUMBER}){{5,8}}\s*(\n|$)"),
    _Signature("a label file of DOTA", head=r"imagesource:"),
    _Signature("a text file of FDDB", name=r"FDDB-fold-\d+.*\.txt"),
    _Signature("a text file of CelebA", head=r"\d+\s*\n\s*image_id\s+x_1"),
    _Signature("a text file of RetinaFace", head=r"# \S+\.jpe?g\s*\n"),
)


def refuse_not_read(path: Path) -> None:
    """Raise UserError if a file, or one of the first in a folder, is of a known format that is not read."""
    for file in [path] if is_file(path) else islice(_texts(path), _LOOKED_AT):
        signature = _signature(file.name, _beginning(file))
        if signature:
            raise UserError(f"{file}: is {signature.what}, which is not read; {signature.advice}")


def is_not_read(file: Path, head: str) -> bool:
    """Whether a file with this beginning is of a known format that is not read."""
    return _signature(file.name, head[:_HEAD]) is not None


def _signature(name: str, head: str) -> _Signature | None:
    return next((each for each in _TABLE if each.fits(name, head)), None)


def _texts(folder: Path) -> Iterator[Path]:
    return (path for path in files_in(folder) if not is_image_name(path) and is_file(path))


def _beginning(file: Path) -> str:
    return beginning_of(file, _HEAD).decode("utf-8-sig", errors="replace").lstrip()
