"""What a model computes on, for reports: figures depend on it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Runtime:
    """Read from the model that is ready to run, not from what was asked for.

    device: as the library names it, such as `CPU`, `GPU.0` or `cuda:0`. name: of the hardware. precision: in which it
    computes. library: its name and version.
    """

    device: str
    name: str
    precision: str
    library: str

    def __str__(self) -> str:
        return f"{self.device} ({self.name}), {self.precision}, {self.library}"
