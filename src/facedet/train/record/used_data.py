"""What a run says of the datasets that it uses: of the training and of the validation dataset."""

from facedet.data.dataset import DatasetSource
from facedet.data.licence import licence_of
from facedet.train.options import Dataset, TrainingOptions


def data_names(options: TrainingOptions) -> list[str]:
    """What both are called, without the folders they are in."""
    return [", ".join(map(_name, sources)) for sources in _both(options)]


def data_licences(options: TrainingOptions) -> list[str]:
    """The licences that the files of both state, see `licence_of`; empty where they state none."""
    return ["; ".join(dict.fromkeys(filter(None, map(licence_of, sources)))) for sources in _both(options)]


def _both(options: TrainingOptions) -> list[list[DatasetSource]]:
    val = [options.val] if isinstance(options.val, Dataset) else []
    roles = zip((options.train_sets, val), ("train", "val"), strict=True)
    return [[DatasetSource.of(each, split) for each in sets] for sets, split in roles]


def _name(source: DatasetSource) -> str:
    name = source.path.absolute().name
    return f"{name} ({source.names.name})" if source.names else name
