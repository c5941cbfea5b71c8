"""A small version of the detector, from random weights: ResNet-18, 64 channels, 320x320. For tests and the demo."""

_base_ = "./finetune.py"

input_size = 320
initial_weights = "random"

model = dict(
    backbone=dict(depth=18, norm_eval=False),
    neck=dict(in_channels=[64, 128, 256, 512], out_channels=64),
    bbox_head=dict(in_channels=64, feat_channels=64, stacked_convs=2),
)

train_dataloader = dict(
    batch_size=8,
    sampler=dict(scales=(0.5, 0.6, 0.7, 0.8, 1.0), full_size_from=0.85),  # smaller views are faster
)
val_dataloader = dict(batch_size=8)

optim_wrapper = dict(
    optimizer=dict(_delete_=True, type="AdamW", lr=0.001, weight_decay=0.05),
    paramwise_cfg=dict(_delete_=True, norm_decay_mult=0.0, bias_decay_mult=0.0),
)
auto_scale_lr = dict(enable=False)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, by_epoch=True, begin=0, end=2, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", by_epoch=True, begin=2, eta_min_ratio=0.01, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=40, val_interval=5, min_steps=1200)
