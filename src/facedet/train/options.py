"""The options of a training run."""

import difflib
import inspect
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import wraps
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from facedet.common.errors import UserError
from facedet.data.dataset import DatasetSource
from facedet.weights.names import PREFIX

Dataset = DatasetSource | str | Path

LAUNCHERS = {  # rank, number of processes, rank on this machine, as each launcher names them in the environment
    "torchrun": ("RANK", "WORLD_SIZE", "LOCAL_RANK"),
    "slurm": ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID"),
    "mpi": ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"),
}
LOGGERS = ("wandb", "mlflow")  # names of options, modules and packages
RECIPES = ("continue",)
_FEWEST = {"epochs": 1, "batch_size": 1, "accumulate": 1, "patience": 1, "seed": 0, "freeze": 0, "workers": 0}
_P = ParamSpec("_P")
_Fields = TypeVar("_Fields")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class TrainingOptions:
    """The arguments of `finetune` and `try_run`. None takes the config's value."""

    config: str | Path | None
    """Name of a config, for example `tiny`, or path of a config file. None if a `recipe` is chosen."""

    train: Dataset | Sequence[Dataset]
    """Dataset to train on, or several. A path is enough if the dataset needs no other settings."""

    val: Dataset | float | None = None
    """Dataset to validate on, or the share of the training images to hold out for it. None takes the
    dataset's own `val`, or else holds out 0.2."""

    _: KW_ONLY

    work_dir: str | Path
    """Folder for the results."""

    recipe: str | None = None
    """`continue`: train the checkpoint `weights` a little further on few new images. The network is the checkpoint's;
    a config is needed only if a file may not ask for such a network, and gives the views."""

    weights: str | Path | None = None
    """Start from a checkpoint, `torchvision:NAME`, a file of torchvision weights, or `random`. A checkpoint also sets
    mean and standard deviation of the input, and its batch normalization layers without running statistics stay in eval
    mode."""

    allow_partial: bool = False
    """Load only the weights that fit; the rest of the network stays random."""

    resume: bool = False
    """Continue from last.pth in the work dir, with the same config and options; the result is bit-identical."""

    allow_changed_data: bool = False
    """Resume although the images or boxes are not those of the start; the result is then not that of one run."""

    overwrite: bool = False
    """Replace an earlier run in the work dir that is not resumed, and files there that no run wrote."""

    epochs: int | None = None
    """Exact number of epochs; scales the schedule. None takes the config's, or more if its `min_steps` need them."""

    batch_size: int | str | None = None
    """Images per process and iteration, or `auto` for as many as fit the GPU."""

    accumulate: int | None = None
    """Iterations for each step of the optimizer."""

    seed: int | None = None
    """Seed of the initial weights, the order of the images and their views."""

    patience: int | None = None
    """Validations without a higher AP after which training stops."""

    freeze: int | None = None
    """Stages of the backbone that are not trained: up to 4 of ResNet's, 7 of MobileNetV2's. 0 is the stem."""

    save_every: float = 5
    """Minutes between two writes of last.pth."""

    device: str = "auto"
    """`cpu`, `cuda`, `cuda:1` or `auto`."""

    amp: str = "auto"
    """bfloat16: `on`, `off`, or `auto` where the device computes it fast."""

    workers: int | None = None
    """Processes that read images. None takes the config's on a CPU, and more on a GPU."""

    cache: str | Path | None = None
    """Folder for a cache of decoded images."""

    cache_size: float | None = None
    """GB that the cache may hold. None is half of what is free or held when the run starts."""

    compile: bool = False
    """Compile backbone and neck with torch.compile."""

    checkpoint_gradients: bool = False
    """Recompute activations in the backward pass: less memory, more time."""

    launcher: str | None = None
    """What started the processes: `torchrun`, `slurm` or `mpi`. None recognises torchrun."""

    sync_bn: bool = False
    """Let batch normalization use the images of all processes; GPUs only."""

    loggers: Sequence[str] = ()
    """Where scalars are logged in addition to TensorBoard: `wandb`, `mlflow`."""

    on_epoch: Callable[[Any], object] | None = None
    """Called in every process after each epoch and its validation, with the `train.run.Run`."""

    def __post_init__(self) -> None:
        """Raise UserError for numbers that are out of range and words that are none of the possible ones."""
        for name, fewest in _FEWEST.items():
            value = getattr(self, name)
            if value is None or (name == "batch_size" and value == "auto"):
                continue
            if not isinstance(value, int) or value < fewest:
                raise UserError(f"--{name.replace('_', '-')} {value}: give a whole number, {fewest} or more")
        self._check_recipe()
        if self.amp not in ("on", "off", "auto"):
            raise UserError(f"--amp {self.amp}: give on, off or auto")
        if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", self.device):
            raise UserError(f"--device {self.device}: not a device; give cpu, cuda, cuda:N or auto")
        if self.launcher and self.launcher not in LAUNCHERS:
            raise UserError(f"--launcher {self.launcher}: not a launcher; give one of {', '.join(LAUNCHERS)}")
        for name in self.loggers:
            if name not in LOGGERS:
                raise UserError(f"--logger {name}: give {' or '.join(LOGGERS)}")
            if find_spec(name) is None:
                raise UserError(f"--logger {name}: is not installed; run `pip install {name}`")
        if self.compile and self.checkpoint_gradients:
            raise UserError("--compile --checkpoint-gradients: give one of them, they do not work together")

    def _check_recipe(self) -> None:
        if self.recipe is None:
            if self.config is None:
                raise UserError("training needs a config; give small, finetune, tiny or a file, or --recipe continue")
            return
        if self.recipe not in RECIPES:
            raise UserError(f"--recipe {self.recipe}: not a recipe; give {' or '.join(RECIPES)}")
        weights = str(self.weights or "random")
        if weights == "random" or weights.startswith(PREFIX):
            raise UserError(f"--recipe {self.recipe}: continues a checkpoint; give it with --weights")
        if self.allow_partial:
            raise UserError(f"--recipe {self.recipe} --allow-partial: all weights are those of the checkpoint")

    @property
    def is_launched(self) -> bool:
        """Whether a launcher started this process, as one of several."""
        return self.launcher is not None or ("RANK" in os.environ and "LOCAL_RANK" in os.environ)

    @property
    def train_sets(self) -> list[Dataset]:
        """The datasets to train on."""
        return [self.train] if isinstance(self.train, Dataset) else list(self.train)


def takes_fields_of(
    kind: Callable[_P, _Fields],
) -> Callable[[Callable[[_Fields], _Result]], Callable[_P, _Result]]:
    """Let a function of a dataclass take the fields of the dataclass as its arguments.

    Editors and mypy see the fields. An unknown argument is a TypeError that names the nearest field.
    """
    signature = inspect.signature(kind)

    def decorate(function: Callable[[_Fields], _Result]) -> Callable[_P, _Result]:
        @wraps(function)
        def call(*args: _P.args, **kwargs: _P.kwargs) -> _Result:
            for name in kwargs.keys() - signature.parameters.keys():
                similar = difflib.get_close_matches(name, signature.parameters, n=1)
                hint = f"; did you mean '{similar[0]}'?" if similar else ""
                raise TypeError(f"{function.__name__}() got an unexpected keyword argument '{name}'{hint}")
            return function(kind(*args, **kwargs))

        call.__signature__ = signature.replace(  # type: ignore[attr-defined]
            return_annotation=inspect.signature(function).return_annotation
        )
        return call

    return decorate
