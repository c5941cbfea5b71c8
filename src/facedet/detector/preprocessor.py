"""The first step of the network: a batch of images, normalised."""

import torch
from mmdet.models.data_preprocessors import DetDataPreprocessor as MMDetDataPreprocessor
from mmdet.registry import MODELS


@MODELS.register_module(force=True)  # the name stays, because checkpoints contain it
class DetDataPreprocessor(MMDetDataPreprocessor):
    """mmdet's, for images of one size, without host-device synchronization: mmdet copies an index for each image."""

    def forward(self, data: dict, training: bool = False) -> dict:
        """inputs: images [3, h, w] uint8 BGR -> [b, 3, h, w] float32, normalised, in the order of the mean."""
        batch = self.cast_data(data)
        images = torch.stack(batch["inputs"])
        if self._channel_conversion:
            images = images.flip(1)
        return {**batch, "inputs": (images.float() - self.mean) / self.std}
