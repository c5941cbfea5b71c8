"""Fine-tuning on your own images, from weights that already detect faces: give them with --weights."""

_base_ = "./face_detection_0206.py"

initial_weights = None

# Too few images to estimate new running statistics: batch normalization keeps those of the initial weights.
model = dict(backbone=dict(norm_eval=True))  # frozen_stages=1 also freezes the stem and the first stage

# Measured with `tiny` on 84 photographs, in bench/results/recipe.txt.
train_dataloader = dict(
    batch_size=4,
    dataset=dict(
        repeat=1,
        augment=dict(
            swap_channels=0.1,
            crop_min_iou=(0.3, 0.5, 0.7, 0.9),
            crop_smallest=0.3,
            keep_cut=True,
            zoom_out=2.5,
            zoom_out_p=0.4,
            rotate=10,
            grey=0.1,
            blur=0.1,
            noise=0.1,
            jpeg=0.2,
        ),
        mosaic=dict(p=0.3, until=0.8, scale=(0.4, 1.0)),
    ),
)

optim_wrapper = dict(
    optimizer=dict(lr=0.001),
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.1))),
)
auto_scale_lr = dict(base_batch_size=4)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, by_epoch=True, begin=0, end=1, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", by_epoch=True, begin=1, eta_min_ratio=0.01, convert_to_iter_based=True),
]
train_cfg = dict(
    max_epochs=20,
    val_interval=1,
    min_steps=1500,  # more epochs for a small dataset; --epochs overrides it
    average=0.998,  # the validated and exported weights are an average over the last few hundred steps
)
