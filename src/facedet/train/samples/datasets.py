"""The datasets of a training run, as the caller and the config describe them."""

import inspect
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mmengine.config import Config

from facedet.common.errors import UserError
from facedet.data.augment import Augment
from facedet.data.classes import check_classes
from facedet.data.dataset import DatasetSource, read_every_class
from facedet.data.storage import identity
from facedet.data.structures import AnnotatedDataset
from facedet.train.configure import config_errors
from facedet.train.machine.distributed import from_first
from facedet.train.options import Dataset, TrainingOptions
from facedet.train.samples.dataset import FaceDataset


def read_datasets(cfg: Config, options: TrainingOptions) -> tuple[FaceDataset, FaceDataset]:
    """The training and the validation dataset. Raises UserError."""
    given = options.train_sets
    if not given:
        raise UserError("no dataset to train on; give at least one")
    train = [DatasetSource.of(each, "train") for each in given]
    assert isinstance(options.val, Dataset)  # `held_out.with_validation` sees to it
    val = DatasetSource.of(options.val, "val")
    built = _dataset(cfg, cfg.train_dataloader, train), _dataset(cfg, cfg.val_dataloader, [val])
    classes = built[0].faces.classes | built[1].faces.classes
    for source in (*train, val):  # a chosen class may be missing in some of the datasets
        check_classes(source.classes, classes, source.path)
    if val.names:
        _check_lists(built[0], built[1], val.names)
    for source, dataset in zip((train[0], val), built, strict=True):
        if dataset.faces.faces == 0:
            raise UserError(
                f"{source.path}: none of its {len(dataset.faces.photos)} images has a face that is not ignored"
            )
    return built


def _check_lists(train: FaceDataset, val: FaceDataset, names: Path) -> None:
    """Raise UserError if the validation list names images that training uses."""
    trained = {identity(photo.path) for photo in train.faces.photos}
    shared = [photo.path for photo in val.faces.photos if identity(photo.path) in trained]
    if shared:
        raise UserError(
            f"{names}: lists {len(shared)} images that are trained on too (first: {shared[0]}); results on them would "
            "be too good; take them out of one list, or split again with `facedet data split`"
        )


def cache_warnings(*datasets: FaceDataset) -> list[str]:
    """A line if the cache is too small for the decoded images of the datasets."""
    cache = datasets[0].cache
    needed = sum(photo.width * photo.height * 3 for each in datasets for photo in each.faces.photos)
    if cache is None or needed <= cache.limit:
        return []
    return [
        f"--cache {cache.folder}: may hold {cache.limit / 1e9:.3g} GB, the decoded images take {needed / 1e9:.3g} GB; "
        "the others are decoded each time; a larger --cache-size changes that"
    ]


def _dataset(cfg: Config, loader: Config, sources: list[DatasetSource]) -> FaceDataset:
    first, *more = [_plain(source) for source in sources]
    loader.dataset.update(first, **({"more": more} if more else {}))
    settings = {k: v for k, v in loader.dataset.items() if k != "type"}
    settings["input_size"] = cfg.input_size
    _check_settings(cfg, settings)
    return FaceDataset(**settings, read=_read_once)


def _read_once(source: DatasetSource) -> AnnotatedDataset:
    """Let the first process read a dataset for all: each of them would open every image."""
    return from_first(lambda: read_every_class(source))


def _check_settings(cfg: Config, settings: Mapping) -> None:
    """Raise UserError for wrong settings, before any image is read: later failures are not the config's fault."""
    with config_errors(cfg):
        inspect.signature(FaceDataset).bind(**settings)
        Augment(cfg.input_size, **settings.get("augment") or {})
        for key in (settings.get("mosaic") or {}).keys() - {"p", "until", "scale"}:
            raise TypeError(f"mosaic has no setting '{key}'")


def _plain(source: DatasetSource) -> dict[str, Any]:
    """The settings of a source as a config holds them."""
    if not 0 < source.weight < math.inf:
        raise UserError(f"{source.path}: its weight is {source.weight}; give a number above 0")
    paths: dict[str, Any] = {
        name: str(value)
        for name, value in asdict(source).items()
        if value is not None and name not in ("weight", "classes", "allow_losses")
    }
    paths |= {} if source.weight == 1 else {"weight": source.weight}
    paths |= {"classes": list(source.classes)} if source.classes else {}
    return {**paths, "allow_losses": True} if source.allow_losses else paths
