"""Names of PyTorch's devices."""

import pytest
import torch

from facedet.common.errors import UserError
from facedet.common.torch_device import choose_device


def test_a_device_that_this_machine_lacks_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert [choose_device(name) for name in ("CPU", "cuda", "cuda:0")] == ["cpu", "cuda", "cuda:0"]
    for wanted, why in (
        ("cuda:1", "this machine has 1 CUDA devices"),
        ("auto:0", "not a device"),
        ("GPU", "not a device"),
    ):
        with pytest.raises(UserError, match=f"^--device {wanted}: {why}"):
            choose_device(wanted)
