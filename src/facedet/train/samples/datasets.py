"""The datasets of a training run, as the caller and the config describe them."""

import inspect
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from mmengine.config import Config

from facedet.common.errors import UserError
from facedet.data.augment import Augment
from facedet.data.dataset import DatasetSource
from facedet.train.configure import config_errors
from facedet.train.history import too_many
from facedet.train.options import Dataset, TrainingOptions
from facedet.train.samples.dataset import FaceDataset


def read_datasets(cfg: Config, options: TrainingOptions) -> tuple[FaceDataset, FaceDataset]:
    """The training and the validation dataset. Raises UserError."""
    given = [options.train] if isinstance(options.train, Dataset) else options.train
    if not given:
        raise UserError("no dataset to train on; give at least one")
    train = [DatasetSource.of(each, "train") for each in given]
    val = DatasetSource.of(options.val, "val")
    built = _dataset(cfg, cfg.train_dataloader, train), _dataset(cfg, cfg.val_dataloader, [val])
    for source, dataset in zip((train[0], val), built, strict=True):
        _check_usable(source.path, dataset)
        if dataset.faces.faces == 0:
            raise UserError(
                f"{source.path}: none of its {len(dataset.faces.photos)} images has a face that is not ignored"
            )
    return built


def _check_usable(path: Path, dataset: FaceDataset) -> None:
    unusable = dataset.faces.unusable
    images = len(unusable) + len(dataset.faces.photos)
    if too_many(unusable, images):
        raise UserError(
            f"{path}: {len(unusable)} of {images} images cannot be used, more than 1 % (first: {unusable[0]}); "
            "repair or remove them; `facedet data check` lists all"
        )


def _dataset(cfg: Config, loader: Config, sources: list[DatasetSource]) -> FaceDataset:
    first, *more = [_plain(source) for source in sources]
    loader.dataset.update(first, **({"more": more} if more else {}))
    settings = {k: v for k, v in loader.dataset.items() if k != "type"}
    settings["input_size"] = cfg.input_size
    _check_settings(cfg, settings)
    return FaceDataset(**settings)


def _check_settings(cfg: Config, settings: Mapping) -> None:
    """Raise UserError for wrong settings, before any image is read: later failures are not the config's fault."""
    with config_errors(cfg):
        inspect.signature(FaceDataset).bind(**settings)
        Augment(cfg.input_size, **settings.get("augment") or {})
        for key in (settings.get("mosaic") or {}).keys() - {"p", "until", "scale"}:
            raise TypeError(f"mosaic has no setting '{key}'")


def _plain(source: DatasetSource) -> dict[str, str | float]:
    """The settings of a source as a config holds them."""
    if not 0 < source.weight < math.inf:
        raise UserError(f"{source.path}: its weight is {source.weight}; give a number above 0")
    paths: dict[str, str | float] = {
        name: str(value) for name, value in asdict(source).items() if value is not None and name != "weight"
    }
    return paths if source.weight == 1 else {**paths, "weight": source.weight}
