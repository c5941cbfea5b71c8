"""The short training run that all tests share: `tiny` at a smaller input, so that all that uses it is quick."""

from pathlib import Path

from facedet.configs import FOLDER

SIZE, EPOCHS = 192, 6  # width and height of the input, pixels
LEVELS = [(SIZE // stride) ** 2 for stride in (4, 8, 16, 32, 64)]  # anchors

_CONFIG = f"""_base_ = {str(FOLDER / "tiny.py")!r}
input_size = {SIZE}
train_dataloader = dict(batch_size=4, sampler=dict(scales=(1.0,), full_size_from=1.0))
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=True, begin=0, end=1, convert_to_iter_based=True),
]
train_cfg = dict(val_interval={EPOCHS})
"""


def write_config(folder: Path) -> Path:
    """Write the config of the run, with the name of the network that it trains."""
    (folder / "tiny.py").write_text(_CONFIG)
    return folder / "tiny.py"
