"""What a training run measured so far: losses, metrics, unreadable images."""

from typing import Any

import torch


class History:
    """Losses of each iteration, metrics of each validation and unreadable images of a run.

    Checkpoints hold it in `meta["history"]`, so a resumed run continues it.
    """

    def __init__(self) -> None:
        self.losses: list[tuple[float, float]] = []  # epoch (fraction), loss
        self.scalars: dict[str, list[float]] = {}  # of each iteration: learning rate, parts of the loss
        self.metrics: list[tuple[int, dict[str, float]]] = []  # epoch, AP and so on
        self.unreadable: list[str] = []

    def state_dict(self) -> dict[str, Any]:
        losses = torch.tensor(self.losses, dtype=torch.float64).reshape(-1, 2)
        scalars = {name: torch.tensor(values, dtype=torch.float64) for name, values in self.scalars.items()}
        return {
            "losses": losses,
            "scalars": scalars,
            "metrics": list(self.metrics),
            "unreadable": list(self.unreadable),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.losses = [(epoch, loss) for epoch, loss in torch.as_tensor(state["losses"]).tolist()]
        self.scalars = {name: values.tolist() for name, values in state["scalars"].items()}
        self.metrics, self.unreadable = list(state["metrics"]), list(state["unreadable"])

    @property
    def scores(self) -> list[float]:
        """AP of each validation."""
        return [metrics.get("AP", 0.0) for _, metrics in self.metrics]

    def is_best(self) -> bool:
        """Whether the last validation has a higher AP than all before it."""
        return self.scores[-1] > max(self.scores[:-1], default=-1.0)

    def validations_without_gain(self) -> int:
        """How many validations in a row, up to the last one, had no higher AP than the one before them."""
        scores = self.scores
        return len(scores) - 1 - scores.index(max(scores)) if scores else 0
