"""The network. Importing this package first makes mmcv's operators available, which mmdet needs."""

from facedet.detector import ops

ops.install()
