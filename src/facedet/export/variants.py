"""Other interfaces than the published one, for clients that need them."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from facedet.common.errors import UserError

PUBLISHED, MODEL_API, DETECTION_OUTPUT = LAYOUTS = ("published", "model-api", "detection-output")
INPUTS = ("f32", "u8")


@dataclass(frozen=True)
class Variant:
    """How an export differs from the published interface; the default does not. Raises UserError if options conflict.

    nms: whether NMS is in the graph; without NMS, it ends with boxes [anchors, 4] and scores [anchors]. layout:
    `model-api` has a leading dimension in the outputs, and takes pictures; `detection-output` has one output of SSD's
    form, see `DETECTIONS` in interface.py. input: `u8` takes pictures uint8
    [h, w, 3] BGR of any size, and gives boxes in pixels of the picture. batch: number of images; if 2 or more, it is
    the outputs' first dimension.
    """

    nms: bool = True
    layout: str = PUBLISHED
    input: str = "f32"
    batch: int = 1

    def __post_init__(self) -> None:
        if self.layout not in LAYOUTS:
            raise UserError(f"--layout {self.layout}: give one of {', '.join(LAYOUTS)}")
        if self.input not in INPUTS:
            raise UserError(f"--input {self.input}: give one of {', '.join(INPUTS)}")
        if self.batch < 1:
            raise UserError(f"--batch {self.batch}: give 1 or more images")
        if self.layout != PUBLISHED and (self.batch > 1 or not self.nms):
            raise UserError(f"--layout {self.layout}: needs NMS and takes one image; leave out --no-nms and --batch")

    @property
    def options(self) -> str:
        """The options of `facedet export` that give this variant; empty for the default."""
        words = [] if self.nms else ["--no-nms"]
        words += [f"--layout {self.layout}"] if self.layout != PUBLISHED else []
        words += [f"--input {self.input}"] if self.input != "f32" else []
        return " ".join(words + ([f"--batch {self.batch}"] if self.batch > 1 else []))

    @classmethod
    def of(cls, options: str) -> "Variant":
        """The variant with these `options`. Raises ValueError."""
        words = options.split()
        given = dict(pairwise([*words, ""]))
        known = {"--layout", "--input", "--batch"} & given.keys()
        settings: dict[str, Any] = {option[2:]: given[option] for option in known}
        variant = cls("--no-nms" not in words, **(settings | {"batch": int(given.get("--batch", 1))}))
        if variant.options != options:
            raise ValueError(f"the options '{options}' are not known")
        return variant

    def name(self, plain: str) -> str:
        """The file name of an export, which has the options: detector-fp32.xml -> detector-fp32-u8-batch2.xml."""
        words = self.options.replace("--batch ", "batch").split()
        values = [word.removeprefix("--") for word in words if word not in ("--layout", "--input")]
        stem, _, suffix = plain.rpartition(".")
        return f"{'-'.join([stem, *values])}.{suffix}"

    @property
    def takes_pictures(self) -> bool:
        """Whether the graph resizes. Only an IR can: `adapt` adds it to the graph that ONNX describes."""
        return self.input == "u8" or self.layout == MODEL_API

    @property
    def images_first(self) -> bool:
        """Whether the outputs have a first dimension for the images."""
        return self.batch > 1 or self.layout != PUBLISHED

    @property
    def only_ir(self) -> bool:
        """Whether it needs operations that `adapt` adds."""
        return self.takes_pictures or self.layout == DETECTION_OUTPUT


UNCHANGED = Variant()
