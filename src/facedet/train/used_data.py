"""What a run says of the datasets that it uses: of those for training, and of the one for validation."""

from facedet.data.dataset import DatasetSource
from facedet.data.licence import licence_of
from facedet.train.options import Dataset, TrainingOptions


def data_names(options: TrainingOptions) -> list[str]:
    """The names of the training datasets and of the validation dataset, without the folders they are in."""
    return [", ".join(map(_name, sources)) for sources in _by_role(options)]


def data_licences(options: TrainingOptions) -> list[str]:
    """The licences that the files of the training datasets, and of the validation dataset, state (`licence_of`)."""
    return [_licences(sources) for sources in _by_role(options)]


def _licences(sources: list[DatasetSource]) -> str:
    """Of several datasets, each is named, also those that state none."""
    licences = list(map(licence_of, sources))
    if len(sources) < 2 or not any(licences):
        return "".join(licences)
    return "; ".join(f"{_name(each)}: {stated or 'none'}" for each, stated in zip(sources, licences, strict=True))


def _by_role(options: TrainingOptions) -> list[list[DatasetSource]]:
    val = [options.val] if isinstance(options.val, Dataset) else []
    roles = zip((options.train_sets, val), ("train", "val"), strict=True)
    return [[DatasetSource.of(each, split) for each in sets] for sets, split in roles]


def _name(source: DatasetSource) -> str:
    name = source.path.absolute().name
    return f"{name} ({source.names.name})" if source.names else name
