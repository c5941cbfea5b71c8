"""A training run of a network with a few weights: the real loop, optimizer, schedules, checkpoints and records."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from torch import Tensor, nn

from facedet.data.structures import AnnotatedDataset, Photo
from facedet.detector.config import load_config
from facedet.train.average import WeightAverage
from facedet.train.checkpoints import Checkpoints
from facedet.train.configure import choose_precision, override
from facedet.train.history import History
from facedet.train.loop import train
from facedet.train.machine.stop import StopRequest
from facedet.train.optimizer import build_optimizer, build_schedules
from facedet.train.options import TrainingOptions
from facedet.train.record.recorder import Recorder
from facedet.train.resume import restore
from facedet.train.run import Run, State
from facedet.train.samples.loaders import train_loader, val_loader
from facedet.train.samples.sampler import Place
from facedet.weights.torch_file import read_torch_file


class StubDataset:
    """Twelve samples whose numbers follow from their place in the run."""

    metainfo = {"classes": ("face",)}  # noqa: RUF012
    parts = ((12, 12),)
    faces = AnnotatedDataset([Photo(Path(f"{k}.jpg"), 8, 8, np.zeros((0, 4)), np.zeros(0, bool)) for k in range(12)])

    def __len__(self) -> int:
        return 12

    def __getitem__(self, place: Place | int) -> dict[str, Any]:
        seed = place.seed if isinstance(place, Place) else place
        inputs = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(seed))
        photo = SimpleNamespace(path=Path(f"{place.image if isinstance(place, Place) else place}.jpg"))
        nothing = SimpleNamespace(bboxes=torch.zeros(0, 4))
        sample = SimpleNamespace(
            photo=photo, metainfo={"unreadable": []}, gt_instances=nothing, ignored_instances=nothing
        )
        return {"inputs": inputs, "data_samples": sample}


class StubNetwork(nn.Module):
    """A linear layer with batch normalization. acts: by number of the training iteration, called with its loss."""

    def __init__(self, acts: dict[int, Any] | None = None):
        super().__init__()
        torch.manual_seed(0)
        self.backbone, self.norm = nn.Linear(3, 4), nn.BatchNorm1d(4)
        self.acts, self.passes = acts or {}, 0

    def data_preprocessor(self, batch: dict, training: bool) -> dict[str, Tensor]:
        return {"inputs": torch.stack(batch["inputs"]).mean(dim=(2, 3))}

    def forward(self, inputs: Tensor, mode: str) -> dict[str, Tensor]:
        self.passes += 1
        loss = (self.norm(self.backbone(inputs)) ** 2).mean() + self.backbone.weight.abs().sum()
        return {"loss_cls": self.acts.get(self.passes, lambda loss: loss)(loss), "loss_bbox": 0.5 * loss}

    def parse_losses(self, losses: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        total = sum(losses.values(), start=torch.zeros(()))
        return total, {"loss": total, **losses}

    def val_step(self, batch: dict) -> list[Tensor]:
        assert not torch.is_grad_enabled()
        assert not self.training
        return [self.backbone(image.mean(dim=(1, 2))) for image in batch["inputs"]]


class StubEvaluator:
    """Counts what it gets; its AP is `ap(epoch)` of the validations so far, counted from 1."""

    def __init__(self, ap: Any):
        self.ap, self.seen, self.validations, self.metrics = ap, 0, 0, []

    def process(self, data_samples: list, data_batch: dict) -> None:
        self.seen += len(data_samples)

    def evaluate(self, size: int) -> dict[str, float]:
        self.validations += 1
        return {"AP": self.ap(self.validations)}


def stub_config(**settings: Any) -> Config:
    """`tiny` with two epochs of six batches, of which three make a step. settings: of train_cfg."""
    cfg = load_config("tiny")
    cfg.train_cfg.update(
        {"max_epochs": 2, "val_interval": 1, "min_steps": 0, "average": 0.9, "accumulate": 3, **settings}
    )
    cfg.train_dataloader.update(batch_size=2, num_workers=0, sampler={"type": "OrderSampler"})
    cfg.val_dataloader.update(batch_size=4, num_workers=0)
    cfg.param_scheduler = [
        {"type": "LinearLR", "by_epoch": False, "start_factor": 0.1, "begin": 0, "end": 4},
        {"type": "MultiStepLR", "by_epoch": True, "milestones": [1], "gamma": 0.5},
    ]
    return cfg


def stub_run(cfg: Config, *, network: StubNetwork | None = None, ap: Any = float, **options: Any) -> Run:
    """A run before its first iteration. options: of TrainingOptions."""
    network, dataset = network or StubNetwork(), StubDataset()
    chosen = TrainingOptions("tiny", "train", "val", work_dir="", **options)
    override(cfg, chosen)
    if cfg.optim_wrapper.type == "OptimWrapper":
        choose_precision(cfg, "off", "cpu")
    loaders = train_loader(cfg, dataset, "cpu"), val_loader(cfg, dataset, "cpu")  # type: ignore[arg-type]
    length = loaders[0].sampler.iterations  # type: ignore[attr-defined]
    optimizer = build_optimizer(cfg, network, cfg.train_cfg.max_epochs * length)
    schedules = build_schedules(cfg, optimizer, length)
    average = WeightAverage(network, cfg.train_cfg.average) if cfg.train_cfg.average else None
    state = State(network, optimizer, schedules, average, History())
    evaluator: Any = StubEvaluator(ap)
    return Run(cfg, chosen, "cpu", "float32", network, state, *loaders, evaluator, "random weights", [])


def resumed(run: Run, folder: Path) -> Run:
    """A new run that continues from last.pth."""
    content = read_torch_file(folder / "last.pth")
    run.state.network.load_state_dict(content["trained"])
    run.state.average.network.load_state_dict(content["state_dict"])  # type: ignore[union-attr]
    restore(run.state, content, folder / "last.pth", run.epoch_length, run.iterations)
    return run


def train_stub(run: Run, folder: Path, stop: StopRequest | None = None, **settings: Any) -> bool:
    """Train; returns whether the run is complete. settings: of the Recorder."""
    stop = stop or StopRequest()
    with Recorder(run, folder, stop, **settings) as record:
        return train(run, record, Checkpoints(run, folder), stop)
