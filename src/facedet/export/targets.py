"""The formats of exports, and the names of their files. Imports nothing heavy: the command line needs them first."""

from collections.abc import Sequence

from facedet.common.errors import UserError
from facedet.export.variants import UNCHANGED, Variant

TARGETS = {
    "onnx": "detector.onnx",
    "fp32": "detector-fp32.xml",
    "fp16": "detector-fp16.xml",
    "int8": "detector-int8.xml",  # by `quantize`, which needs images
}
FORMATS = [name for name in TARGETS if name != "int8"]  # that `export` writes
POSTPROCESS = "postprocess.py"


def chosen_formats(wanted: str | Sequence[str] | None, variant: Variant) -> list[str]:
    """The formats to write; None stands for all that the variant has. Raises UserError."""
    possible = [name for name in FORMATS if name != "onnx" or not variant.only_ir]
    chosen = possible if wanted is None else [wanted] if isinstance(wanted, str) else list(wanted)
    unknown = [name for name in chosen if name not in FORMATS]
    if unknown or not chosen:
        raise UserError(f"--formats {','.join(unknown)}: give one or more of {', '.join(FORMATS)}")
    if not set(chosen) <= set(possible):
        raise UserError(f"--formats onnx: only an IR has these options; give {','.join(possible)}, or leave it out")
    return [name for name in FORMATS if name in chosen]


def file_names(formats: Sequence[str], variant: Variant = UNCHANGED) -> list[str]:
    """The names of all files of these formats."""
    files = [variant.name(TARGETS[name]) for name in formats]
    weights = [file.removesuffix(".xml") + ".bin" for file in files if file.endswith(".xml")]
    return files + weights + ([] if variant.nms else [POSTPROCESS])
