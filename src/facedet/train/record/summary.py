"""The results of a training run: summary.json and the training curve."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from mmengine.config import Config

from facedet.common.files import write_beside, write_json
from facedet.common.report_facts import ReportedDataset, ReportedModel, ReportFacts, digests, report_facts
from facedet.detector.config import config_name
from facedet.train.configure import effective_batch
from facedet.train.history import History
from facedet.train.machine.distributed import from_first, is_first
from facedet.train.machine.memory import peak_memory_mb
from facedet.train.record.recorder import Recorder
from facedet.train.run import Run
from facedet.weights.operating_point import OperatingPoint, point_of_checkpoint
from facedet.weights.torch_file import read_torch_file


@dataclass(frozen=True)
class Summary:
    """The content of summary.json.

    started_from: where the weights came from. epochs: of the whole schedule. iterations: including those before a
    resume. images_per_step: of the optimizer. train_faces, val_faces: without ignored faces. warnings: why validation
    results mislead. left_out: images and boxes that were not used, and why. first_loss, last_loss: mean over the first
    and the last tenth of the iterations. best, last: COCO AP values in 0..1 and their epoch, of the validation with the
    highest AP and of the last one; epoch 0 is the start, if it was a detector's weights. operating_point: of best.pth,
    the threshold with the best F1 and its figures; None if no face was detected. seconds: total time since the
    start, or since training was resumed. images_per_second: of the training steps in this time. peak_memory_mb: of the
    GPU, or of the process on a CPU. about: what was trained, and how; None in the processes that write nothing.
    """

    config: str
    started_from: str
    device: str
    precision: str
    seed: int
    epochs: int
    iterations: int
    images_per_step: int
    train_images: int
    train_faces: int
    val_images: int
    val_faces: int
    warnings: list[str]
    left_out: list[str]
    first_loss: float
    last_loss: float
    best: dict[str, float]
    last: dict[str, float]
    operating_point: OperatingPoint | None
    seconds: float
    images_per_second: float
    peak_memory_mb: int
    best_checkpoint: str
    last_checkpoint: str
    report: str
    about: ReportFacts | None


def write_summary(run: Run, record: Recorder, folder: Path, seconds: float) -> Summary:
    """Summarize a run. The first process also writes summary.json and training-curve.png into the work dir."""
    cfg, history, (train, val) = run.cfg, run.state.history, (dataset.faces for dataset in run.datasets)
    measured = [{"epoch": epoch, **metrics} for epoch, metrics in history.metrics]
    losses = [loss for _, loss in history.losses] or [float("nan")]
    tenth = max(1, len(losses) // 10)
    summary = Summary(
        config=config_name(cfg),
        started_from=run.start,
        device=run.device,
        precision=run.precision,
        seed=cfg.randomness.seed,
        epochs=cfg.train_cfg.max_epochs,
        iterations=len(history.losses),
        images_per_step=effective_batch(cfg),
        train_images=len(train.photos),
        train_faces=train.faces,
        val_images=len(val.photos),
        val_faces=val.faces,
        warnings=run.warnings,
        left_out=[*train.skipped, *val.skipped, *history.unreadable],
        first_loss=round(float(np.mean(losses[:tenth])), 4),
        last_loss=round(float(np.mean(losses[-tenth:])), 4),
        best=max(measured, key=lambda m: m.get("AP", 0.0), default={}),
        last=measured[-1] if measured else {},
        operating_point=from_first(lambda: _stored_point(folder / "best.pth")),
        seconds=round(seconds, 1),
        images_per_second=round(record.images / max(record.seconds, 1e-9), 3),
        peak_memory_mb=peak_memory_mb(run.device),
        best_checkpoint=str(folder / "best.pth"),
        last_checkpoint=str(folder / "last.pth"),
        report=str(folder / "training.html"),
        about=_about(run, folder / "best.pth") if is_first() else None,
    )
    if is_first():
        write_json(asdict(summary), folder / "summary.json")
        with write_beside(folder / "training-curve.png") as path:
            _draw_curve(history, path)
    return summary


def _stored_point(best: Path) -> OperatingPoint | None:
    """The point in best.pth, which a run before a resume may have written."""
    return point_of_checkpoint(read_torch_file(best)["meta"], best) if best.is_file() else None


def _about(run: Run, best: Path) -> ReportFacts:
    loaders, roles = (run.cfg.train_dataloader, run.cfg.val_dataloader), ("training", "validation")
    sets = [
        _reported(role, loader.dataset, found, licence)
        for role, loader, found, licence in zip(roles, loaders, run.fingerprints, run.licences, strict=True)
    ]
    model = ReportedModel(
        str(best),
        digests(best) if best.is_file() else {},
        {"started from": run.start, "seed": str(run.cfg.randomness.seed)},
        device=run.device,
        precision=run.precision,
    )
    return report_facts([model], sets)


def _reported(role: str, settings: Config, found: dict[str, Any], licence: str) -> ReportedDataset:
    """The facts of a dataset, which may have several parts."""
    parts = [settings, *settings.get("more", [])]
    paths, lists = ([str(part[key]) for part in parts if key in part] for key in ("path", "names"))
    return ReportedDataset(", ".join(paths), ", ".join(lists), role, found, licence)


def _draw_curve(history: History, path: Path) -> None:
    figure = Figure(figsize=(8, 6), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True)
    epochs, losses = np.array(history.losses).reshape(-1, 2).T
    top.plot(epochs, losses, color="tab:blue", alpha=0.25, linewidth=1)
    window = max(1, len(losses) // 40)
    smooth = np.convolve(losses, np.ones(window) / window, mode="valid")
    top.plot(epochs[window - 1 :], smooth, color="tab:blue", label=f"loss, mean of {window} iterations")
    top.set_ylabel("training loss")
    top.legend()
    for name, colour in (("AP50", "tab:green"), ("AP", "tab:orange")):
        points = [(epoch, metrics[name]) for epoch, metrics in history.metrics if name in metrics]
        bottom.plot(*np.array(points).reshape(-1, 2).T, marker="o", markersize=3, color=colour, label=name)
    bottom.set(xlabel="epoch", ylabel="validation (COCO)", ylim=(0, 1.02))
    bottom.legend(loc="lower right")
    for axes in (top, bottom):
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120, format="png")
