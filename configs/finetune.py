"""A short schedule for fine-tuning on your own images, from weights that already detect faces."""

_base_ = "./face_detection_0206.py"

initial_weights = None  # give them with --weights
# model = dict(backbone=dict(frozen_stages=1))  # freezes the stem and the first stage: faster, for very small datasets

train_dataloader = dict(batch_size=4, dataset=dict(repeat=1))

optim_wrapper = dict(optimizer=dict(lr=0.001))
auto_scale_lr = dict(base_batch_size=4)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, by_epoch=True, begin=0, end=1, convert_to_iter_based=True),
    dict(
        type="CosineAnnealingLR",
        by_epoch=True,
        begin=1,
        end=20,
        T_max=19,
        eta_min_ratio=0.01,
        convert_to_iter_based=True,
    ),
]
train_cfg = dict(max_epochs=20, val_interval=1)
