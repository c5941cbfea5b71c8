"""Other interfaces than the published one, for clients that need them."""

from dataclasses import dataclass

from facedet.common.errors import UserError

PUBLISHED, MODEL_API = LAYOUTS = ("published", "model-api")
INPUTS = ("f32", "u8")


@dataclass(frozen=True)
class Variant:
    """How an export differs from the published interface; the default does not. Raises UserError if options conflict.

    nms: whether NMS is in the graph; without NMS, it ends with boxes [anchors, 4] and scores [anchors]. layout:
    `model-api` has a leading dimension in the outputs, and takes pictures. input: `u8` takes pictures uint8
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
        if self.layout == MODEL_API and (self.batch > 1 or not self.nms):
            raise UserError("--layout model-api: needs NMS and takes one image; leave out --no-nms and --batch")

    @property
    def options(self) -> str:
        """The options of `facedet export` that give this variant; empty for the default."""
        words = [] if self.nms else ["--no-nms"]
        words += [f"--layout {self.layout}"] if self.layout != PUBLISHED else []
        words += [f"--input {self.input}"] if self.input != "f32" else []
        return " ".join(words + ([f"--batch {self.batch}"] if self.batch > 1 else []))

    @property
    def takes_pictures(self) -> bool:
        """Whether the graph resizes. Only an IR can: `adapt` adds it to the graph that ONNX describes."""
        return self.input == "u8" or self.layout == MODEL_API


UNCHANGED = Variant()
