"""For products and small datasets: MobileNetV2 from ImageNet weights, 64 channels, the published 640x640 interface."""

_base_ = "./tiny.py"

input_size = 640
initial_weights = "torchvision:mobilenet_v2"

model = dict(
    backbone=dict(_delete_=True, type="MobileNetV2", out_indices=(1, 2, 4, 7)),
    neck=dict(in_channels=[24, 32, 96, 1280]),
)
train_dataloader = dict(sampler=dict(scales=(0.4, 0.45, 0.5, 0.6), full_size_from=1.0))
