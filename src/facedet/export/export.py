"""Export of one checkpoint: ONNX, and OpenVINO IR converted from that ONNX."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from facedet.common.errors import UserError
from facedet.common.files import check_writable, write_text
from facedet.common.outputs import Input, Output, writing
from facedet.common.progress import Progress, silent, step
from facedet.detector.config_file import find_config
from facedet.export import postprocess
from facedet.export.targets import POSTPROCESS, TARGETS, chosen_formats, file_names
from facedet.export.variants import PUBLISHED, Variant
from facedet.weights.names import check_checkpoint
from facedet.weights.operating_point import OPERATING_POINT, OperatingPoint


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
    threshold: float | None = None,
    config: str | Path | None = None,
    overwrite: bool = False,
) -> dict[str, Path]:
    """Write the requested formats into `folder` under the names of TARGETS. Returns their paths. Raises UserError.

    formats: None for all that the variant has. fold: combine linear layers, which gives the same function with fewer
    operations; without, the graph is the released model's, and `import` can read it. nms, layout, input, batch: see
    `Variant`, which is part of the names; without NMS, postprocess.py is written too. threshold: the score above
    which detections are shown, instead of the checkpoint's. config: as for `load_network`.
    overwrite: replace files of these names that an earlier export did not write, or that were changed since.
    """
    checkpoint, folder, variant = Path(checkpoint), Path(folder), Variant(nms, layout, input, batch)
    formats = chosen_formats(formats, variant)
    if threshold is not None and not 0 <= threshold <= 1:
        raise UserError(f"--threshold {threshold:g}: scores lie between 0 and 1")
    check_checkpoint(checkpoint)
    if config:
        find_config(config)
    output = Output(folder, file_names(formats, variant))
    with writing("export", [output], [Input(checkpoint)], overwrite=overwrite):
        return _export(checkpoint, folder, formats, progress, fold, variant, threshold, config)


def _export(
    checkpoint: Path,
    folder: Path,
    formats: Sequence[str],
    progress: Progress,
    fold: bool,
    variant: Variant,
    threshold: float | None,
    config: str | Path | None,
) -> dict[str, Path]:
    from facedet.export.fold import fold_layers  # torch, once it is known that there is something to export
    from facedet.export.load import load_network
    from facedet.export.network import DenseDetector, DeployedDetector
    from facedet.export.to_onnx import fix_size, write_onnx

    with step(progress, "load"):
        network, size, facts = load_network(checkpoint, config)
    facts["folded"] = "yes" if fold else "no"
    facts |= {"variant": variant.options} if variant.options else {}
    facts |= _given_point(threshold, facts) if threshold is not None else {}
    with step(progress, "fold"):
        detector = fold_layers(network.detector) if fold else network.detector
    check_writable(folder)
    paths = {name: folder / variant.name(TARGETS[name]) for name in formats}
    with tempfile.TemporaryDirectory() as scratch:
        any_size = Path(scratch) / TARGETS["onnx"]
        for name in progress(["", *paths], "export"):
            if not name:
                exported = DeployedDetector(detector) if variant.nms else DenseDetector(detector)
                write_onnx(exported, facts, any_size, variant.batch)
            elif name == "onnx":
                fix_size(any_size, size, paths[name])
            else:
                from facedet.export.to_ir import write_ir  # ONNX needs no OpenVINO

                write_ir(any_size, size, facts, paths[name], fp16=name == "fp16", variant=variant)
    if not variant.nms:
        paths["postprocess"] = _write_postprocess(folder / POSTPROCESS)
    return paths


def _given_point(threshold: float, facts: dict[str, str]) -> dict[str, str]:
    """The fact that states a threshold with which nothing was measured. facts: the others. Raises UserError."""
    lowest = float(facts["score_threshold"])
    if threshold < lowest:
        raise UserError(f"--threshold {threshold:g}: the network gives no box with a score below {lowest:g}; give more")
    return {OPERATING_POINT: OperatingPoint(threshold, chosen="given at export").to_json()}


def _write_postprocess(path: Path) -> Path:
    write_text(path, Path(postprocess.__file__).read_text(encoding="utf-8"))
    return path
