"""For products and small datasets: MobileNetV2 from ImageNet weights, 64 channels, the published 640x640 interface."""

_base_ = "./tiny.py"

input_size = 640
initial_weights = "torchvision:mobilenet_v2"

model = dict(
    backbone=dict(_delete_=True, type="MobileNetV2", out_indices=[1, 2, 4, 7]),
    neck=dict(in_channels=[24, 32, 96, 1280]),
)
train_dataloader = dict(
    dataset=dict(augment=dict(zoom_out_p=0.2)),
    sampler=dict(scales=(0.5, 0.6, 0.75), full_size_from=1.0),  # a crop in a smaller view shows faces at full size
)
optim_wrapper = dict(optimizer=dict(lr=0.002))
train_cfg = dict(min_steps=900)
