"""Facts about the images that a run trains on, and about the machine that it runs on."""

import platform
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import torch

from facedet.common.machine import describe_machine
from facedet.data.inspect.boxes import face_heights
from facedet.data.inspect.check import HEIGHTS
from facedet.data.structures import AnnotatedDataset
from facedet.train.machine.distributed import world

_PACKAGES = (
    "face-detection-0206",
    "torch",
    "torchvision",
    "onedl-mmengine",
    "onedl-mmcv",
    "onedl-mmdetection",
    "numpy",
)


@dataclass(frozen=True)
class DatasetFacts:
    """A dataset in numbers. background: images without any box. heights: faces by height, with the bins `HEIGHTS`."""

    images: int
    background: int
    faces: int
    ignored: int
    heights: list[int]


def dataset_facts(dataset: AnnotatedDataset, size: int) -> DatasetFacts:
    """size: width and height of the input, in whose pixels faces are measured."""
    photos = dataset.photos
    heights = np.concatenate([face_heights(photo, ~photo.ignored, size) for photo in photos])
    return DatasetFacts(
        images=len(photos),
        background=sum(len(photo.boxes) == 0 for photo in photos),
        faces=dataset.faces,
        ignored=sum(int(photo.ignored.sum()) for photo in photos),
        heights=np.histogram(heights, [*HEIGHTS, np.inf])[0].tolist(),
    )


def environment(device: str) -> dict[str, str]:
    """What results may depend on besides the settings: versions, machine, threads."""
    gpu = {"GPU": torch.cuda.get_device_name(device)} if device.startswith("cuda") else {}
    return {
        "machine": describe_machine(),
        **gpu,
        "processes": f"{world()[1]}, with {torch.get_num_threads()} threads each",
        "Python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
    }
