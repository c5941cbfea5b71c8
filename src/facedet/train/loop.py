"""The training loop: epochs that can begin at any iteration, validation of the averaged weights, stopping."""

import math
from collections.abc import Callable
from typing import Any

from mmengine.runner import EpochBasedTrainLoop

from facedet.train.average import WeightAverage
from facedet.train.machine.distributed import average_statistics
from facedet.train.machine.stop import StopRequest


class _StopNow(Exception):
    """Leaves the loop between two iterations of training or validation."""


class TrainLoop(EpochBasedTrainLoop):
    """mmengine's loop by epochs, which also

    - starts in the middle of an epoch, or with the validation of a complete epoch, after a resume
    - validates the average of the weights, if the run keeps one
    - calls the hooks' `after_step` when an iteration is counted and `after_round` when an epoch is complete with its
      validation
    - stops between two iterations if `stop` was requested, after it called the hooks' `before_stop`

    average: None for no average. effective_batch: images per step of the optimizer. accumulate: iterations in such a
    step. restore: called before the first iteration. max_epochs, val_interval: as in mmengine.
    """

    def __init__(
        self,
        runner: Any,
        dataloader: Any,
        *,
        stop: StopRequest,
        average: WeightAverage | None,
        effective_batch: int,
        accumulate: int,
        restore: Callable[[Any], None] | None,
        **settings: Any,
    ):
        super().__init__(runner, dataloader, **settings)
        self.stop, self.average, self._restore = stop, average, restore
        self.effective_batch, self.accumulate = effective_batch, accumulate
        self.stopped = False
        self.validated_epoch = 0  # the last epoch that was validated

    @property
    def validation_is_due(self) -> bool:
        """Whether the last complete epoch is to be validated and was not yet."""
        complete = self._iter > 0 and self._iter % len(self.dataloader) == 0
        due = self._epoch % self.val_interval == 0 or self._epoch == self._max_epochs
        return complete and due and self.validated_epoch < self._epoch

    def run(self) -> Any:
        if self._restore:
            self._restore(self.runner)
        self.runner.call_hook("before_train")
        try:
            if self.validation_is_due:
                self._validate()
                self.runner.call_hook("after_round")
            while self._iter < self._max_iters and not self.stop_training:
                self.run_epoch()
                if self.validation_is_due:
                    self._validate()
                self.runner.call_hook("after_round")
        except _StopNow:
            self.stopped = True
            self.runner.call_hook("before_stop")
        self.runner.call_hook("after_train")
        return self.runner.model

    def run_epoch(self) -> None:
        first = self._iter % len(self.dataloader)
        self.dataloader.sampler.begin(self._epoch, first)
        self.runner.call_hook("before_train_epoch")
        self.runner.model.train()
        for k, batch in enumerate(self.dataloader, first):
            self.run_iter(k, batch)
            self.follow_iteration()
            last = self._iter % len(self.dataloader) == 0
            if last:
                self.runner.call_hook("after_train_epoch")
                self._epoch += 1
            self.runner.call_hook("after_step")
            if self.runner.optim_wrapper.should_update():
                self.stop_if_requested()

    def follow_iteration(self) -> None:
        """After an iteration: the same running statistics in all processes, and a step's weights in the average."""
        network = unwrapped(self.runner.model)
        average_statistics(network)
        if self.average and self.runner.optim_wrapper.should_update():
            self.average.update(network, math.ceil(self._iter / self.accumulate))

    def _validate(self) -> None:
        if self.average:
            with self.average.used_by(self.runner):
                self.runner.val_loop.run()
        else:
            self.runner.val_loop.run()
        self.validated_epoch = self._epoch

    def stop_if_requested(self) -> None:
        """Leave the loop if a stop was requested. Hooks call it during validation."""
        if self.stop.agreed:
            raise _StopNow


def unwrapped(model: Any) -> Any:
    """The network without the wrapper that averages gradients over processes."""
    return getattr(model, "module", model)
