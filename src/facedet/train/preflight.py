"""Refuse what cannot become a run, before torch is imported: wrong names, missing files, a work dir in use."""

import os
from pathlib import Path

from facedet.common.errors import UserError
from facedet.data.dataset import DatasetSource, check_source
from facedet.detector.config_file import find_config
from facedet.train.machine.earlier_run import contains_run, refuse_earlier_run
from facedet.train.options import TrainingOptions
from facedet.weights.names import check_initial


def preflight(options: TrainingOptions) -> None:
    """Raise UserError for what can be known early. Reads no dataset, writes nothing.

    Where a launcher started several processes, it leaves all that to the run: only one of them reports an error.
    """
    if options.is_launched:
        return
    if options.config:
        find_config(options.config)
    if options.weights:
        check_initial(str(options.weights))
    for source in (*options.train_sets, options.val):
        if source is not None and not isinstance(source, float):
            check_source(DatasetSource.of(source, "train"))
    _check_work_dir(Path(options.work_dir), options.resume, options.overwrite)


def _check_work_dir(folder: Path, resume: bool, overwrite: bool) -> None:
    refuse_earlier_run(folder, resume or overwrite)
    if resume and not contains_run(folder):
        raise UserError(f"{folder}: contains no last.pth to resume from")
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise UserError(f"{folder}: cannot be written to; choose another --work-dir")
