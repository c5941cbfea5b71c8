"""A training run, from its options to its summary."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from mmengine.config import Config

from facedet.common.errors import UserError
from facedet.train.checkpoints import Checkpoints
from facedet.train.configure import configure
from facedet.train.dry_run import DryRun, measure
from facedet.train.loop import train
from facedet.train.machine.distributed import gather, is_first, processes, restarted
from facedet.train.machine.earlier_run import contains_run, refuse_earlier_run
from facedet.train.machine.process import process_settings
from facedet.train.machine.stop import Stopped, StopRequest
from facedet.train.machine.work_dir import own
from facedet.train.options import TrainingOptions
from facedet.train.record.recorder import Recorder
from facedet.train.record.start_message import print_start
from facedet.train.record.summary import Summary, write_summary
from facedet.train.record.training_report import write_report
from facedet.train.run import Run
from facedet.train.samples.held_out import tried_validation, with_validation
from facedet.train.samples.loaders import WORKER_KILLED
from facedet.train.setup import build_run


def run_training(options: TrainingOptions) -> Summary:
    """`finetune` with its options as one object."""
    folder, stop = Path(options.work_dir), StopRequest()
    with processes(options.launcher, options.device) as device:
        resume = options.resume or (restarted() and gather(contains_run(folder))[0])
        cfg = configure(options, resume)
        with (
            own(folder, resume, options.overwrite),
            built(cfg, with_validation(options, folder, resume), device, resume) as run,
            stop.listening(),
        ):
            print_start(run, f"writing to {folder}")
            started = time.monotonic()
            with Recorder(run, folder, stop) as record, _named_log(record), _machine_errors(run):
                if not train(run, record, Checkpoints(run, folder), stop):
                    raise Stopped(
                        f"stopped after iteration {run.state.iteration} of {run.iterations}; {folder / 'last.pth'} "
                        "holds everything: the same command with --resume continues",
                        stop.agreed,
                    )
                summary = write_summary(run, record, folder, time.monotonic() - started)
                if is_first():
                    write_report(summary, run, folder)
            return summary


def run_first_steps(options: TrainingOptions) -> DryRun:
    """`try_run` with its options as one object."""
    with processes(options.launcher, options.device) as device:
        cfg = configure(options, options.resume)
        refuse_earlier_run(Path(options.work_dir), options.resume or options.overwrite)
        with tried_validation(options) as tried, built(cfg, tried, device, tried.resume) as run, _machine_errors(run):
            print_start(run, "trying the first steps, writing nothing")
            return measure(run)


@contextmanager
def built(cfg: Config, options: TrainingOptions, device: str, resume: bool) -> Iterator[Run]:
    """The run, and the settings of the process that it needs."""
    benchmark = (cfg.get("env_cfg") or {}).get("cudnn_benchmark", True)
    with process_settings(device, cudnn_benchmark=benchmark):
        yield build_run(cfg, options, device, Path(options.work_dir) if resume else None)


@contextmanager
def _named_log(record: Recorder) -> Iterator[None]:
    """Add a line to the traceback of a bug that says where the log is."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if record.log.path:
            error.add_note(f"facedet: the log of the run is {record.log.path}")
        raise


@contextmanager
def _machine_errors(run: Run) -> Iterator[None]:
    """Raise what a machine with too little memory causes as a UserError."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise UserError(
            f"the GPU has too little memory for batches of {run.cfg.train_dataloader.batch_size} images; give "
            "--batch-size auto, a smaller --batch-size with --accumulate, or --checkpoint-gradients"
        ) from error
    except RuntimeError as error:
        if not str(error).startswith("DataLoader worker (pid"):  # torch raises it wherever training is just then
            raise
        raise UserError(WORKER_KILLED) from error
