"""A training run: its parts, and the state that changes during it."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.optim import OptimWrapper
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.data import DataLoader

from facedet.data.fingerprint import fingerprint
from facedet.train.average import WeightAverage
from facedet.train.history import History
from facedet.train.options import TrainingOptions
from facedet.train.used_data import data_licences
from facedet.weights.training_record import Ancestor


@dataclass
class State:
    """Everything that changes during a run: what last.pth holds.

    network: on its device. optimizer: in mmengine's wrapper. schedules: of mmengine. average: of the weights over the
    steps, or None. epoch, iteration: complete ones. validated: the last validated epoch.
    """

    network: Any
    optimizer: OptimWrapper
    schedules: list[Any]
    average: WeightAverage | None
    history: History
    epoch: int = 0
    iteration: int = 0
    validated: int = 0

    @property
    def judged(self) -> Any:
        """The network that is validated and exported: the average if there is one."""
        return self.average.network if self.average else self.network


@dataclass(frozen=True)
class Run:
    """A run, ready for its first step or, if it is resumed, for the next one.

    cfg: with the caller's settings, and fitted to the datasets. device: for example `cuda:0`. precision: `float32`,
    `bfloat16`, or that of the config's own optimizer wrapper. model: the network, which torch wraps if there are
    several processes. start: a phrase that says where the weights came from. warnings: what makes the validation
    results mislead. measures_start: whether the weights before the first iteration are validated, as epoch 0.
    lineage: what the run was started from, and before that, newest first.
    """

    cfg: Config
    options: TrainingOptions
    device: str
    precision: str
    model: nn.Module
    state: State
    train_loader: DataLoader
    val_loader: DataLoader
    evaluator: Evaluator
    start: str
    warnings: list[str]
    measures_start: bool = False
    lineage: list[Ancestor] = field(default_factory=list)

    @cached_property
    def config_text(self) -> str:
        """The whole config as text; kept, because formatting it is slow."""
        return str(self.cfg.pretty_text)

    @cached_property
    def fingerprints(self) -> list[dict[str, Any]]:
        """Those of the datasets; only the process that writes needs them."""
        return [fingerprint(dataset.faces.photos) for dataset in self.datasets]

    @cached_property
    def licences(self) -> list[str]:
        """What the files of the datasets state; only the process that writes needs it."""
        return data_licences(self.options)

    @property
    def datasets(self) -> tuple[Any, Any]:
        """Training and validation."""
        return self.train_loader.dataset, self.val_loader.dataset

    @property
    def sampler(self) -> Any:
        """The `OrderSampler` of training."""
        return self.train_loader.sampler

    @property
    def epochs(self) -> int:
        return int(self.cfg.train_cfg.max_epochs)

    @property
    def epoch_length(self) -> int:
        """Iterations of an epoch."""
        return int(self.sampler.iterations)

    @property
    def iterations(self) -> int:
        """Of the whole run."""
        return self.epochs * self.epoch_length

    def train_mode(self) -> None:
        """Put the network into training mode, but not what --freeze froze: mmdet's MobileNetV2 forgets its stem."""
        self.model.train()
        backbone = self.state.network.backbone
        if getattr(backbone, "frozen_stages", -1) >= 0:
            for norm in backbone.modules():
                if isinstance(norm, _BatchNorm) and not any(p.requires_grad for p in norm.parameters()):
                    norm.eval()

    def is_validated(self, epoch: int) -> bool:
        """Whether an epoch, counted from 1, ends with a validation. Epoch 0 is the start."""
        if epoch == 0:
            return self.measures_start
        return epoch % self.cfg.train_cfg.val_interval == 0 or epoch == self.epochs

    @property
    def is_over(self) -> bool:
        """Whether all epochs are complete, or patience has ended the run."""
        patience = self.cfg.train_cfg.get("patience")
        impatient = bool(patience) and self.state.history.validations_without_gain() >= patience
        return self.state.epoch >= self.epochs or impatient
