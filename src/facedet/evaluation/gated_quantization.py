"""Quantize a model, refuse the result if accuracy suffers, and show its cost and its gain."""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from facedet.common.errors import UserError
from facedet.common.files import check_writable, write_together
from facedet.common.outputs import Input, Output, writing
from facedet.common.progress import Progress, silent
from facedet.common.report_facts import ReportedModel, ReportFacts, report_facts
from facedet.data.dataset import DatasetSource, check_source, read_annotations, read_dataset
from facedet.data.fingerprint import fingerprint
from facedet.data.formats.recognise import find_annotations
from facedet.data.image import find_images, image_size
from facedet.data.losses import Loss, Lost, refuse_many
from facedet.data.reported import reported_dataset, reported_images
from facedet.data.storage import is_dir
from facedet.data.structures import Detections, Photo
from facedet.evaluation.compare import Comparison, compare_detections
from facedet.evaluation.gate import AccuracyJudge, Figure, gated_figures
from facedet.evaluation.metrics.heights import height_matches
from facedet.evaluation.metrics.operating import BEST_F1, chosen_point, score_curve
from facedet.evaluation.paired import Difference, coco_difference, height_differences
from facedet.export.export import export_model
from facedet.export.int8 import quantize
from facedet.export.stored_point import copy_with_point
from facedet.export.targets import TARGETS, file_names
from facedet.export.to_ir import save_ir
from facedet.export.variants import UNCHANGED
from facedet.inference.openvino_device import check_device, computes_in_bf16, default_precision
from facedet.inference.predict import predict
from facedet.inference.reported import reported_model
from facedet.inference.runtime import Runtime
from facedet.inference.session import Session, check_model, open_session, shown_above
from facedet.inference.throughput import throughput
from facedet.weights.ir.graph import read_facts, read_model
from facedet.weights.operating_point import OperatingPoint, threshold_of

MAX_DROP = 0.005


@dataclass(frozen=True)
class MeasuredModel:
    """One form of the model: its name, the precision in which it computes, and its cost and accuracy.

    figures: those that the gate checks, in 0..1 by name; empty without validation images.
    """

    name: str
    precision: str
    bytes: int
    images_per_second: float
    figures: dict[str, float]


@dataclass(frozen=True)
class Quantization:
    """The result of a quantization.

    reasons: why the INT8 file was not written; empty if it was. left_out: calibration images that were not used.
    variants: the float ones first, INT8 last. facts: of the INT8 file. comparison: the faces that INT8 gained and lost,
    None without validation images. runtime: what the variants were measured on, with the precision of the first. about:
    what was quantized, and how. changes: from float32 to INT8, of the figures that the gate checks.
    """

    model: str
    path: Path
    max_drop: float
    reasons: list[str]
    left_out: list[str]
    variants: list[MeasuredModel]
    facts: dict[str, str] = field(repr=False)
    comparison: Comparison | None = field(repr=False)
    runtime: Runtime
    about: ReportFacts
    changes: list[Difference] = field(default_factory=list)

    def as_dict(self) -> dict:
        """Plain values for JSON."""
        head: dict = {"model": self.model, "max_drop": self.max_drop, "reasons": self.reasons, "facts": self.facts}
        head |= {"left_out": self.left_out, "runtime": asdict(self.runtime)}
        comparison = self.comparison.as_dict() if self.comparison else None
        head["changes"] = [asdict(each) for each in self.changes]
        variants = [asdict(each) for each in self.variants]
        return {**head, "variants": variants, "comparison": comparison, "about": self.about.as_dict()}


def quantize_model(
    model: str | Path,
    calibrate: DatasetSource | str | Path,
    folder: str | Path,
    *,
    val: DatasetSource | str | Path | None = None,
    max_drop: float = MAX_DROP,
    progress: Progress = silent,
    config: str | Path | None = None,
    device: str | None = None,
    overwrite: bool = False,
) -> Quantization:
    """Quantize a checkpoint or an FP32 IR and write `detector-int8.xml` into `folder`. Raises UserError.

    calibrate: a dataset, whose boxes are not used, or a folder of images. val: a dataset; if a figure of INT8 is lower
    than in float32 by more than `max_drop` (and one face, for a range of heights), harmful layers stay in float, and if
    that is not enough, nothing is written and the result says why. config: of a checkpoint, as for `load_network`.
    device: of OpenVINO, on which speed and accuracy are measured; the layers to keep in float are found on the CPU.
    overwrite: replace files of these names that an earlier quantization did not write, or that were changed since.
    """
    if not 0 <= max_drop <= 1:
        raise UserError(f"--max-drop {max_drop:g}: AP lies between 0 and 1")
    model, folder = Path(model), Path(folder)
    calibration, validation = DatasetSource.of(calibrate, "train"), DatasetSource.of(val, "val") if val else None
    if model.suffix not in (".pth", ".xml"):
        raise UserError(f"{model}: give a checkpoint (.pth) or an FP32 IR (.xml)")
    check_model(model, config=config)
    if device:
        check_device(device)
    sources = [each for each in (calibration, validation) if each]
    for source in sources:
        check_source(source)
    read = [Input(each.path, whole=True) for each in sources]
    output = Output(folder, file_names(["int8"]))
    with writing("quantize", [output], [Input(model), *read], overwrite=overwrite):
        return _quantize(model, calibration, folder, validation, max_drop, progress, config, device)


def _quantize(
    model: Path,
    calibration: DatasetSource,
    folder: Path,
    validation: DatasetSource | None,
    max_drop: float,
    progress: Progress,
    config: str | Path | None,
    device: str | None,
) -> Quantization:
    left_out: list[str] = []
    images = _calibration_images(calibration, left_out, progress)
    dataset = read_dataset(validation, progress) if validation else None
    with tempfile.TemporaryDirectory() as scratch:
        files = _float_files(model, Path(scratch), progress, config, default_precision(device))
        files["int8"] = (Path(scratch) / TARGETS["int8"], default_precision(device))
        session = open_session(files["fp32"][0])
        if session.variant != UNCHANGED:
            raise UserError(f"{model}: was exported with {session.variant.options}; give a plain FP32 IR")
        judge = AccuracyJudge(session, dataset.photos, progress) if dataset else None
        check_writable(folder)
        quantize(session.path, images, files["int8"][0], judge=judge, max_drop=max_drop, progress=progress)
        measured = open_session(files["fp32"][0], device=device) if device else session
        found = _detect(files, judge, progress, device) if judge else {}
        figures = {name: gated_figures(judge.photos, detections) for name, detections in found.items()} if judge else {}
        reasons, path = _reasons(figures, max_drop), folder / TARGETS["int8"]
        point = _measured_point(judge.photos, found["int8"], session) if judge else None
        if point:
            own = Path(scratch) / "measured" / TARGETS["int8"]
            files["int8"] = (copy_with_point(files["int8"][0], own, point), files["int8"][1])
        if not reasons:
            _copy(files["int8"][0], path)
        speed = throughput(files, progress, device=(device or "CPU").upper())
        return Quantization(
            str(model),
            path,
            max_drop,
            reasons,
            left_out,
            [
                _variant(name, *file, measured.runtime, speed[name], figures.get(name, {}))
                for name, file in files.items()
            ],
            read_facts(files["int8"][0], read_model(files["int8"][0])),
            _comparison(judge, found, dataset.skipped, shown_above(session)) if judge and dataset else None,
            measured.runtime,
            report_facts(
                [
                    reported_model(measured, shown_above(measured), model),
                    *([] if reasons else [_written(path, measured, point or session.operating_point)]),
                ],
                [
                    reported_images(calibration.path, images, "calibration"),
                    *([reported_dataset(validation, judge.photos, "validation")] if validation and judge else []),
                ],
            ),
            _changes(judge, found) if judge else [],
        )


def _calibration_images(source: DatasetSource, left_out: list[str], progress: Progress) -> list[Path]:
    """The images of a dataset, or of a folder without annotations; those that cannot be opened are left out."""
    try:
        find_annotations(source.path, source.format)
    except UserError:
        if source.names or not is_dir(source.path):
            raise
        paths = find_images(source.images or source.path, left_out.append)
    else:
        losses: list[Loss] = []
        paths = [photo.path for photo in read_annotations(source, losses)]  # their boxes are not used
        if not source.allow_losses:
            refuse_many(losses, {Lost.IMAGE: len(paths), Lost.NAME: len(paths)}, source.path)
        left_out += map(str, losses)
    usable = []
    for path in progress(paths, f"open {source.path.name}"):
        try:
            image_size(path)
            usable.append(path)
        except UserError as error:
            left_out.append(str(error))
    if not usable:
        raise UserError(f"{source.path}: no image to calibrate on" + (f" ({left_out[0]})" if left_out else ""))
    return usable


def _float_files(
    model: Path, scratch: Path, progress: Progress, config: str | Path | None, precision: str
) -> dict[str, tuple[Path, str]]:
    """The float variants by name: file and precision of the computation."""
    if model.suffix == ".pth":
        fp32, fp16 = export_model(model, scratch, ["fp32", "fp16"], progress, config=config).values()
    else:
        fp32, fp16 = model, scratch / TARGETS["fp16"]
        save_ir(read_model(fp32), fp16, fp16=True)
    files = {"fp32": (fp32, precision), "fp16": (fp16, precision)}
    if precision == "f32" and computes_in_bf16():
        files["bf16"] = (fp32, "bf16")
    return files


def _detect(
    files: dict[str, tuple[Path, str]], judge: AccuracyJudge, progress: Progress, device: str | None
) -> dict[str, list[Detections]]:
    """What each variant detects in the judge's photos on the device; the judge has those of `fp32` on the CPU."""
    paths = [photo.path for photo in judge.photos]
    found = {} if device else {"fp32": judge.detections}
    for name, file in files.items():
        if name not in found:
            found[name] = predict(open_session(*file, device=device), paths, progress)[0]
    return found


def _reasons(figures: dict[str, dict[str, Figure]], max_drop: float) -> list[str]:
    reasons = []
    for name, before in figures["fp32"].items() if figures else []:
        after = figures["int8"][name]
        if before.drop(after) > max_drop:
            allowed = max_drop + before.one_face
            reasons.append(f"{name} falls from {before.value:.3f} to {after.value:.3f}, allowed {allowed:.2g}")
    return reasons


def _variant(
    name: str, path: Path, precision: str, runtime: Runtime, speed: float, figures: dict[str, Figure]
) -> MeasuredModel:
    precision = runtime.precision if precision == "default" else precision
    size = sum(file.stat().st_size for file in (path, path.with_suffix(".bin")))
    return MeasuredModel(name, precision, size, speed, {figure: each.value for figure, each in figures.items()})


def _comparison(
    judge: AccuracyJudge, found: dict[str, list[Detections]], left_out: Sequence[str], threshold: float
) -> Comparison:
    names, detections = (Path("fp32"), Path("int8")), [found["fp32"], found["int8"]]
    thresholds = (threshold, threshold)
    left_out = [*left_out, *judge.left_out]
    return compare_detections(names, thresholds, judge.photos, detections, left_out, judge.draws)


def _changes(judge: AccuracyJudge, found: dict[str, list[Detections]]) -> list[Difference]:
    """From float32 to INT8, of every gated figure."""
    both = found["fp32"], found["int8"]
    changes = {"AP": coco_difference(judge.photos, both, judge.draws)}
    changes |= height_differences(judge.photos, both, judge.draws)
    return [changes[name] for name in gated_figures(judge.photos, both[0])]


def _written(path: Path, measured: Session, point: OperatingPoint | None) -> ReportedModel:
    """The facts of the INT8 file and its point. measured: the session of the float file on the same device."""
    return replace(reported_model(measured, threshold_of(point), path), made={}, precision="int8")


def _measured_point(photos: list[Photo], found: list[Detections], session: Session) -> OperatingPoint | None:
    """The threshold with INT8's best F1; None if the float model's was chosen otherwise, which INT8 then keeps."""
    if session.operating_point and session.operating_point.chosen != str(BEST_F1):
        return None
    boxes = [photo.boxes for photo in photos]
    matched, faces = height_matches(boxes, found, 0, np.inf, [photo.ignored for photo in photos])
    curve = score_curve(matched, int(faces.sum()))
    return chosen_point(curve, BEST_F1, fingerprint(photos)["digest"], session.threshold or 0.0)


def _copy(source: Path, target: Path) -> None:
    with write_together(target, target.with_suffix(".bin")) as (graph, weights):
        shutil.copyfile(source, graph)
        shutil.copyfile(source.with_suffix(".bin"), weights)
