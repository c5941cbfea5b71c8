"""Quantize a model, refuse the result if accuracy suffers, and show what it costs and gains."""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from facedet.core.common.errors import UserError
from facedet.core.common.files import write_beside
from facedet.core.common.progress import Progress, silent
from facedet.core.data.dataset import DatasetSource, read_annotations, read_dataset
from facedet.core.data.image import find_images
from facedet.core.data.structures import Detections
from facedet.core.evaluation.compare import Comparison, compare_detections
from facedet.core.evaluation.gate import AccuracyJudge, gated_figures
from facedet.core.export.export import FORMATS, export
from facedet.core.export.interface import SHOW_ABOVE
from facedet.core.export.quantize import quantize
from facedet.core.export.to_ir import save_ir
from facedet.core.inference.predict import predict
from facedet.core.inference.session import open_session
from facedet.core.inference.throughput import throughput
from facedet.core.weights.ir.graph import core, read_facts, read_model

INT8 = "detector-int8.xml"
MAX_DROP = 0.005


@dataclass(frozen=True)
class Variant:
    """One form of the model: its name, what it computes in, and its cost and accuracy.

    figures: those that the gate looks at, in 0..1 by name; empty without validation images.
    """

    name: str
    precision: str
    bytes: int
    images_per_second: float
    figures: dict[str, float]


@dataclass(frozen=True)
class Quantization:
    """The result of a quantization.

    reasons: why the INT8 file was not written; empty if it was. variants: the float ones first, INT8 last. facts: of
    the INT8 file. comparison: the faces that INT8 gained and lost, None without validation images.
    """

    model: str
    path: Path
    max_drop: float
    reasons: list[str]
    variants: list[Variant]
    facts: dict[str, str] = field(repr=False)
    comparison: Comparison | None = field(repr=False)

    def as_dict(self) -> dict:
        """Plain values for JSON."""
        head = {"model": self.model, "max_drop": self.max_drop, "reasons": self.reasons, "facts": self.facts}
        comparison = self.comparison.as_dict() if self.comparison else None
        return {**head, "variants": [asdict(each) for each in self.variants], "comparison": comparison}


def quantize_model(
    model: str | Path,
    calibrate: DatasetSource | str | Path,
    folder: str | Path,
    *,
    val: DatasetSource | str | Path | None = None,
    max_drop: float = MAX_DROP,
    progress: Progress = silent,
) -> Quantization:
    """Quantize a checkpoint or an FP32 IR and write `detector-int8.xml` into `folder`. Raises UserError.

    calibrate: a dataset, whose boxes are not used, or a folder of images. val: a dataset; if a figure of INT8 is lower
    than in float32 by more than `max_drop`, layers that hurt stay in float, and if that is not enough, nothing is
    written and the result tells why.
    """
    if not 0 <= max_drop <= 1:
        raise UserError(f"--max-drop {max_drop:g}: AP lies between 0 and 1")
    model, images = Path(model), _calibration_images(DatasetSource.of(calibrate, "train"))
    dataset = read_dataset(DatasetSource.of(val, "val")) if val else None
    with tempfile.TemporaryDirectory() as scratch:
        files = _float_files(model, Path(scratch), progress)
        files["int8"] = (Path(scratch) / INT8, "f32")
        session = open_session(files["fp32"][0])
        judge = AccuracyJudge(session, dataset.photos, progress) if dataset else None
        quantize(session.path, images, files["int8"][0], judge=judge, max_drop=max_drop, progress=progress)
        found = {name: _detect(file, judge, progress) for name, file in files.items()} if judge else {}
        figures = {name: gated_figures(judge.photos, detections) for name, detections in found.items()} if judge else {}
        speed = throughput(files, progress)
        done = Quantization(
            str(model),
            Path(folder) / INT8,
            max_drop,
            _reasons(figures, max_drop),
            [_variant(name, *file, speed[name], figures.get(name, {})) for name, file in files.items()],
            read_facts(files["int8"][0], read_model(files["int8"][0])),
            _comparison(judge, found, [*dataset.skipped, *judge.left_out]) if judge and dataset else None,
        )
        if not done.reasons:
            _copy(files["int8"][0], done.path)
    return done


def _calibration_images(source: DatasetSource) -> list[Path]:
    try:
        return [photo.path for photo in read_annotations(source, [])]
    except UserError:
        if source.names or source.format or not source.path.is_dir():
            raise
        return find_images(source.path)


def _float_files(model: Path, scratch: Path, progress: Progress) -> dict[str, tuple[Path, str]]:
    """The float variants by name: file and precision to compute in."""
    if model.suffix == ".pth":
        fp32, fp16 = export(model, scratch, ["fp32", "fp16"], progress).values()
    elif model.suffix == ".xml":
        fp32, fp16 = model, scratch / FORMATS["fp16"]
        save_ir(read_model(fp32), fp16, fp16=True)
    else:
        raise UserError(f"{model}: give a checkpoint (.pth) or an FP32 IR (.xml)")
    files = {"fp32": (fp32, "f32"), "fp16": (fp16, "f32")}
    if "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        files["bf16"] = (fp32, "bf16")
    return files


def _detect(file: tuple[Path, str], judge: AccuracyJudge, progress: Progress) -> list[Detections]:
    return predict(open_session(*file), [photo.path for photo in judge.photos], progress)[0]


def _reasons(figures: dict[str, dict[str, float]], max_drop: float) -> list[str]:
    if not figures:
        return []
    before, after = figures["fp32"], figures["int8"]
    fallen = [name for name in before if before[name] - after[name] > max_drop]
    return [f"{name} falls from {before[name]:.3f} to {after[name]:.3f}, allowed {max_drop:g}" for name in fallen]


def _variant(name: str, path: Path, precision: str, speed: float, figures: dict[str, float]) -> Variant:
    size = sum(file.stat().st_size for file in (path, path.with_suffix(".bin")))
    return Variant(name, precision, size, speed, figures)


def _comparison(judge: AccuracyJudge, found: dict[str, list[Detections]], left_out: Sequence[str]) -> Comparison:
    names, detections = (Path("fp32"), Path("int8")), [found["fp32"], found["int8"]]
    return compare_detections(names, SHOW_ABOVE, judge.photos, detections, list(left_out))


def _copy(source: Path, target: Path) -> None:
    with write_beside(target) as graph, write_beside(target.with_suffix(".bin")) as weights:
        shutil.copyfile(source, graph)
        shutil.copyfile(source.with_suffix(".bin"), weights)
