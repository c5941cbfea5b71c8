"""A validation dataset for runs that were given none: images that are held out of the training dataset."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from facedet.common.errors import UserError
from facedet.common.files import one_per_line, write_text
from facedet.data.dataset import DatasetSource
from facedet.data.formats.recognise import has_train_and_val
from facedet.data.inspect.split import TRAIN, VAL, split_names
from facedet.train.machine.distributed import from_first, gather, is_first
from facedet.train.options import TrainingOptions

SHARE = 0.2  # of the images, for validation


def with_validation(options: TrainingOptions, folder: Path, resume: bool) -> TrainingOptions:
    """The options with a dataset to validate on. Raises UserError.

    Without one, it is the dataset's own `val`, or else a share of the training images, near-duplicates on one
    side. Their names are written to train.txt and val.txt in `folder`; a run that is resumed reads them there.
    """
    share = SHARE if options.val is None else options.val
    if not isinstance(share, float):
        return options
    train = options.train_sets
    if len(train) != 1:
        raise UserError(f"{len(train)} datasets to train on, and none to validate on; give one with --val")
    source = DatasetSource.of(train[0], "train")
    if options.val is None and source.names is None and has_train_and_val(source.path, source.format):
        if is_first():
            print(f"no dataset to validate on is given: the one of {source.path} is used", flush=True)
        return replace(options, val=replace(source, split="val", weight=1.0))
    if not resume:
        from_first(lambda: _hold_out(source, share, folder, options.overwrite))
    lists = folder / TRAIN, folder / VAL
    for path in lists:
        if not path.is_file():
            raise UserError(f"{path}: no such file; the run held out images for validation and cannot continue without")
    val = replace(source, names=lists[1], weight=1.0)
    return replace(options, train=replace(source, names=lists[0]), val=val)


def _hold_out(source: DatasetSource, share: float, folder: Path, overwrite: bool) -> None:
    """Write the lists. A list that a start without a first checkpoint left behind is the same."""
    train, val = split_names(source, share, seed=0)
    for path, text in ((folder / TRAIN, one_per_line(train)), (folder / VAL, one_per_line(val))):
        if not overwrite and path.exists() and path.read_text(encoding="utf-8", errors="surrogateescape") != text:
            raise UserError(f"{path}: already exists and lists other images; choose another work dir")
        write_text(path, text)
    counts = f"{len(val)} of {len(train) + len(val)} images"
    print(f"no dataset to validate on: {counts} are held out, listed in {folder / VAL}", flush=True)


@contextmanager
def tried_validation(options: TrainingOptions) -> Iterator[TrainingOptions]:
    """`with_validation` for a dry run, which leaves no lists behind."""
    with TemporaryDirectory() as scratch:
        shared = Path(gather(scratch)[0])
        yield with_validation(options, Path(options.work_dir) if options.resume else shared, options.resume)
