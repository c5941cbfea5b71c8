"""The report of a training run: training.html."""

from dataclasses import MISSING, Field, fields
from pathlib import Path

from facedet.common.page import as_jpeg, in_base64, write_page
from facedet.data.classes import describe_classes
from facedet.data.image import read_image
from facedet.data.inspect.check import height_labels
from facedet.train.options import TrainingOptions
from facedet.train.record.environment import dataset_facts, environment
from facedet.train.record.summary import Summary
from facedet.train.run import Run

_PICTURES = {
    "worst.png": "Validation images with the worst detections",
    "best.png": "Validation images with the best detections",
    "batches.png": "The first views that the network was trained on",
}


def write_report(summary: Summary, run: Run, folder: Path) -> Path:
    """Write training.html into the work dir, with the pictures that are there; returns its path. Raises UserError."""
    cfg = run.cfg
    train, val = (dataset_facts(dataset.faces, cfg.input_size) for dataset in run.datasets)
    pictures = [(title, folder / name) for name, title in _PICTURES.items() if (folder / name).is_file()]
    return write_page(
        Path(__file__).with_name("training.html"),
        folder / "training.html",
        about=summary.about,
        summary=summary,
        size=cfg.input_size,
        curve=in_base64((folder / "training-curve.png").read_bytes()),
        sets={"training": train, "validation": val},
        heights=list(zip(height_labels(), train.heights, val.heights, strict=True)),
        pictures=[(title, path.name, as_jpeg(read_image(path))) for title, path in pictures],
        settings=_settings(summary, run),
        environment=environment(run.device),
        config=run.config_text,
    )


def _settings(summary: Summary, run: Run) -> dict[str, object]:
    """The settings by name: first those of every run, then the options that are not the default."""
    cfg = run.cfg
    train, optimizer = cfg.train_dataloader.dataset, cfg.optim_wrapper.optimizer
    classes = describe_classes(run.datasets[0].faces.photos)
    return {
        "config": cfg.filename,
        "training": ", ".join(map(_describe, [train, *train.get("more", [])])),
        "validation": _describe(cfg.val_dataloader.dataset),
        **({"classes": classes} if classes else {}),
        "started from": summary.started_from,
        "device": f"{summary.device} in {summary.precision}",
        "seed": summary.seed,
        "schedule": f"{summary.epochs} epochs, {summary.images_per_step} images per step",
        "optimizer": f"{optimizer.type}, learning rate {optimizer.get('lr', 'of torch')}",
        **{f"option {option.name}": getattr(run.options, option.name) for option in _chosen(run.options)},
    }


def _chosen(options: TrainingOptions) -> list[Field]:
    """The options that are not the default, except those whose effect is listed already."""
    shown = ("weights", "resume")
    optional = [field for field in fields(options) if field.default is not MISSING and field.name not in shown]
    return [field for field in optional if getattr(options, field.name) != field.default]


def _describe(dataset: dict) -> str:
    details = [f"{name} {dataset[name]}" for name in ("names", "weight", "classes") if name in dataset]
    return f"{dataset['path']} ({', '.join(details)})" if details else dataset["path"]
