"""The training loop: epochs of steps, validation of the averaged weights, checkpoints, a stop between two steps."""

import math
import warnings
from contextlib import closing
from itertools import islice

import torch
from torch import Tensor

from facedet.common.errors import UserError
from facedet.train.checkpoints import Checkpoints
from facedet.train.machine.distributed import average_statistics
from facedet.train.machine.stop import StopRequest
from facedet.train.record.recorder import Recorder
from facedet.train.run import Run
from facedet.train.samples.loaders import read_batches


def train(run: Run, record: Recorder, checkpoints: Checkpoints, stop: StopRequest) -> bool:
    """Train from the run's state to its last epoch. Returns False if a signal stopped it earlier.

    The state changes in this order: weights, learning rate by iteration, epoch, learning rate by epoch, metrics. A stop
    or a timed checkpoint comes after a step of the optimizer, never between the iterations that make one step. A run
    that was stopped during a validation begins with that validation, and one that starts from a detector's weights with
    theirs, as epoch 0. `stop` notes SIGINT and SIGTERM; when the recorder
    reads the losses, it lets the processes agree on a stop.
    """
    state = run.state
    if validation_is_due(run) and not end_epoch(run, record, checkpoints, stop):
        return save_and_stop(record, checkpoints)
    run.sampler.begin(state.epoch, state.iteration % run.epoch_length)
    with closing(read_batches(run.train_loader)) as batches, warnings.catch_warnings():
        # with accumulated batches, schedules step before the optimizer's first step, as intended
        warnings.filterwarnings("ignore", message="Detected call of `scheduler.step")
        while not run.is_over:
            run.train_mode()
            rest_of_the_epoch = islice(batches, run.epoch_length - state.iteration % run.epoch_length)
            for batch in record.timed(rest_of_the_epoch):
                losses = train_step(run, batch)
                record.iteration(batch, losses)
                advance_schedules(run, by_epoch=False)
                if state.iteration % run.epoch_length == 0:
                    state.epoch += 1
                    advance_schedules(run, by_epoch=True)
                elif state.optimizer.should_update():
                    if stop.agreed:
                        return save_and_stop(record, checkpoints)
                    if checkpoints.are_due() and not record.pending:  # last.pth holds the losses up to its iteration
                        checkpoints.save_last()
            if not end_epoch(run, record, checkpoints, stop):
                return save_and_stop(record, checkpoints)
            if stop.agreed and not run.is_over:
                return save_and_stop(record, checkpoints)
    return True


def train_step(run: Run, batch: dict) -> dict[str, Tensor]:
    """One iteration: losses and their gradients; after `accumulate` iterations, a step of the optimizer.

    Returns `loss` and its parts, on the device.
    """
    state = run.state
    with state.optimizer.optim_context(run.model):
        data = state.network.data_preprocessor(batch, training=True)
        losses = run.model(**data, mode="loss")
    loss, parts = state.network.parse_losses(losses)
    state.optimizer.update_params(loss)  # backward; after the last batch of a step: clipping, step, zero_grad
    state.iteration += 1
    average_statistics(state.network)
    if state.average and state.optimizer.should_update():
        state.average.update(state.network, math.ceil(state.iteration / run.cfg.train_cfg.accumulate))
    return parts


def advance_schedules(run: Run, *, by_epoch: bool) -> None:
    """Let the schedules that count epochs, or those that count iterations, set the next learning rate."""
    for schedule in run.state.schedules:
        if schedule.by_epoch == by_epoch:
            schedule.step()


def end_epoch(run: Run, record: Recorder, checkpoints: Checkpoints, stop: StopRequest) -> bool:
    """Finish an epoch after its last iteration: validation, tables, last.pth. Returns False after a stop."""
    if validation_is_due(run) and not validate(run, record, checkpoints, stop):
        return False
    record.epoch()
    checkpoints.after_epoch()
    if run.options.on_epoch and run.state.epoch:
        run.options.on_epoch(run)
    return True


def validation_is_due(run: Run) -> bool:
    """Whether the last complete epoch, or the start, still has to be validated."""
    state = run.state
    complete = state.iteration % run.epoch_length == 0
    return complete and run.is_validated(state.epoch) and state.epoch not in dict(state.history.metrics)


@torch.no_grad()
def validate(run: Run, record: Recorder, checkpoints: Checkpoints, stop: StopRequest) -> bool:
    """Measure the averaged weights, and write best.pth if they are the best so far. Returns False after a stop."""
    state, network = run.state, run.state.judged.eval()
    with closing(read_batches(run.val_loader)) as batches:
        for batch in batches:
            run.evaluator.process(network.val_step(batch), batch)
            record.validation_batch(batch)
            if stop.agreed:
                return False
    metrics = run.evaluator.evaluate(len(run.val_loader.dataset))  # type: ignore[arg-type]
    state.validated = state.epoch
    record.validation(metrics)
    if state.epoch:
        follow_metrics(run, metrics)
    if state.history.is_best():
        checkpoints.save_best()
    return True


def follow_metrics(run: Run, metrics: dict[str, float]) -> None:
    """Let the schedules that follow a metric set the next learning rate. Raises UserError if it is not measured."""
    for schedule in run.state.schedules:
        if getattr(schedule, "need_val_args", False):  # mmengine's mark of such schedules
            try:
                schedule.step(metrics)
            except KeyError as error:
                kind, names = type(schedule).__name__, ", ".join(metrics)
                raise UserError(f"{run.cfg.filename}: {kind} needs a monitor that is measured: {names}") from error


def save_and_stop(record: Recorder, checkpoints: Checkpoints) -> bool:
    """Write last.pth before a run stops. Returns False, the result of a run that is not complete."""
    record.read_losses()
    checkpoints.save_last(wait_for_it=True)
    return False
