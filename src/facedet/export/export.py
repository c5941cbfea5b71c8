"""Export of one checkpoint: ONNX, and OpenVINO IR converted from that ONNX."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from facedet.common.errors import UserError
from facedet.common.files import check_writable, write_text
from facedet.common.progress import Progress, silent
from facedet.export import postprocess
from facedet.export.fold import fold_layers
from facedet.export.load import load_network
from facedet.export.network import DenseDetector, DeployedDetector
from facedet.export.targets import FORMATS, TARGETS
from facedet.export.to_onnx import fix_size, write_onnx
from facedet.export.variants import PUBLISHED, Variant


def export_model(
    checkpoint: str | Path,
    folder: str | Path,
    formats: str | Sequence[str] | None = None,
    progress: Progress = silent,
    *,
    fold: bool = True,
    nms: bool = True,
    layout: str = PUBLISHED,
    input: str = "f32",
    batch: int = 1,
    config: str | Path | None = None,
) -> dict[str, Path]:
    """Write the requested formats into `folder` under the names in TARGETS, to which a variant
    adds its options. Returns their paths. Raises UserError.

    formats: None for all that the variant has. fold: combine linear layers, which gives the same function with fewer
    operations; without, the graph is the released model's, and `import` can read it. nms, layout, input, batch: see
    `Variant`; without NMS, postprocess.py is written too. config: as for `load_network`.
    """
    variant = Variant(nms, layout, input, batch)
    formats = _formats(formats, variant)
    network, size, facts = load_network(Path(checkpoint), config)
    facts["folded"] = "yes" if fold else "no"
    facts |= {"variant": variant.options} if variant.options else {}
    detector = fold_layers(network.detector) if fold else network.detector
    check_writable(Path(folder))
    paths = {name: Path(folder) / variant.name(TARGETS[name]) for name in formats}
    with tempfile.TemporaryDirectory() as scratch:
        any_size = Path(scratch) / TARGETS["onnx"]
        for name in progress(["", *paths], "export"):
            if not name:
                write_onnx(DeployedDetector(detector) if nms else DenseDetector(detector), size, facts, any_size, batch)
            elif name == "onnx":
                fix_size(any_size, size, paths[name])
            else:
                from facedet.export.to_ir import write_ir  # ONNX needs no OpenVINO

                write_ir(any_size, size, facts, paths[name], fp16=name == "fp16", variant=variant)
    if not nms:
        paths["postprocess"] = _write_postprocess(Path(folder) / "postprocess.py")
    return paths


def _formats(wanted: str | Sequence[str] | None, variant: Variant) -> list[str]:
    possible = [name for name in FORMATS if name != "onnx" or not variant.only_ir]
    chosen = possible if wanted is None else [wanted] if isinstance(wanted, str) else list(wanted)
    unknown = [name for name in chosen if name not in FORMATS]
    if unknown or not chosen:
        raise UserError(f"--formats {','.join(unknown)}: give one or more of {', '.join(FORMATS)}")
    if not set(chosen) <= set(possible):
        raise UserError(f"--formats onnx: only an IR has these options; give {','.join(possible)}, or leave it out")
    return [name for name in FORMATS if name in chosen]


def _write_postprocess(path: Path) -> Path:
    write_text(path, Path(postprocess.__file__).read_text(encoding="utf-8"))
    return path
