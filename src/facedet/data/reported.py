"""What a report states of a dataset."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from facedet.common.report_facts import ReportedDataset
from facedet.data.dataset import DatasetSource
from facedet.data.fingerprint import fingerprint
from facedet.data.image import image_size
from facedet.data.licence import licence_of
from facedet.data.structures import Photo


def reported_dataset(source: DatasetSource, photos: Sequence[Photo], role: str = "dataset") -> ReportedDataset:
    """The facts of a dataset. photos: the images that were used."""
    return ReportedDataset(str(source.path), str(source.names or ""), role, fingerprint(photos), licence_of(source))


def reported_images(folder: Path, paths: Sequence[Path], role: str = "images") -> ReportedDataset:
    """The facts of images without annotation. folder: as given. paths: those that were used, which can be opened."""
    nothing = np.zeros((0, 4), np.float32), np.zeros(0, bool)
    found = fingerprint([Photo(path, *image_size(path), *nothing) for path in paths])
    return ReportedDataset(str(folder), role=role, fingerprint={name: found[name] for name in ("images", "digest")})
