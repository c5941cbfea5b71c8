"""What the network is. mmdet cannot be imported before mmcv's operators have been seen to."""

from facedet.core.detector import ops

ops.install()
