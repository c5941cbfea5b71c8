"""mmcv's operators: a substitute from torchvision if they are missing, the compiled ones if they are installed."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from facedet.detector import ops

COMPILED = '''
"""Acts as a compiled mmcv._ext: has every operator and prints a line when its nms is used."""
import torch
def nms(boxes, scores, iou_threshold, offset):
    print("compiled nms used")
    return torch.tensor([0])
def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return lambda *args, **kwargs: None
'''


def test_focal_loss_and_its_gradient_equal_mmdets_own() -> None:
    from mmcv.ops import sigmoid_focal_loss
    from mmdet.models.losses.focal_loss import py_sigmoid_focal_loss

    torch.manual_seed(0)
    logits = torch.randn(50, 1, dtype=torch.float64, requires_grad=True)
    target = torch.randint(0, 2, (50,))  # 1 is background
    ours = sigmoid_focal_loss(logits, target, 2.0, 0.25, None, "mean")
    (gradient,) = torch.autograd.grad(ours, logits)
    one_hot = torch.nn.functional.one_hot(target, 2)[:, :1]
    theirs = py_sigmoid_focal_loss(logits, one_hot, gamma=2.0, alpha=0.25, reduction="mean")
    (expected,) = torch.autograd.grad(theirs, logits)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(gradient, expected)


def test_an_error_names_any_other_operator_and_how_to_get_it() -> None:
    import mmcv._ext
    from mmcv.ops import roi_align

    if mmcv._ext.__file__ != ops.__file__:
        pytest.skip("mmcv has its compiled operators here: no operator is missing")
    with pytest.raises(NotImplementedError, match=r"roi_align_forward.*install a compiled mmcv"):
        roi_align(torch.zeros(1, 1, 4, 4), torch.zeros(1, 5), 2)


def test_compiled_operators_are_used_if_they_are_installed(tmp_path: Path) -> None:
    (tmp_path / "_ext.py").write_text(COMPILED)
    code = (
        f"import mmcv; mmcv.__path__.append({str(tmp_path)!r})\n"
        "from facedet.detector import register\n"
        "import torch; from mmcv.ops import nms\n"
        "nms(torch.zeros(1, 4), torch.ones(1), 0.5)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "compiled nms used" in done.stdout
