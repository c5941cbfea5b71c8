"""face-detection-0206 as released: ResNet-152, RSSH-FPN and ATSS head at 640x640, trained on WIDER FACE from ImageNet.

Every size, threshold and rate is defined here once. Training, export and parity read them from here.
"""

default_scope = "mmdet"
custom_imports = dict(imports=["facedet.detector.register", "facedet.train.register"])

input_size = 640  # width and height of the input, pixels; images are resized to it without keeping the aspect ratio

model = dict(
    type="ATSS",
    data_preprocessor=dict(
        type="DetDataPreprocessor",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(
        type="ResNet",
        depth=152,
        style="pytorch",
        frozen_stages=-1,  # -1: none; 0: the stem; 1..4: the stem and that number of stages
        norm_cfg=dict(type="BN", requires_grad=True),
        norm_eval=False,
    ),
    neck=dict(type="RSSHFPN", in_channels=[256, 512, 1024, 2048], out_channels=256, num_outs=5),
    bbox_head=dict(
        type="FaceATSSHead",
        num_classes=1,
        in_channels=256,
        feat_channels=128,
        stacked_convs=4,
        anchor_generator=dict(
            type="AnchorGenerator",
            ratios=[1.0],
            octave_base_scale=8,
            scales_per_octave=1,
            strides=[4, 8, 16, 32, 64],
        ),
        bbox_coder=dict(
            type="DeltaXYWHBBoxCoder",
            target_means=[0.0, 0.0, 0.0, 0.0],
            target_stds=[0.1, 0.1, 0.2, 0.2],
        ),
        loss_cls=dict(type="FocalLoss", use_sigmoid=True, gamma=2.0, alpha=0.25, loss_weight=1.0),
        loss_bbox=dict(type="GIoULoss", loss_weight=2.0),
        loss_centerness=dict(type="CrossEntropyLoss", use_sigmoid=True, loss_weight=1.0),
    ),
    train_cfg=dict(assigner=dict(type="FaceATSSAssigner", topk=9)),
    test_cfg=dict(score_thr=0.02, nms=dict(type="nms", iou_threshold=0.5), max_per_img=750),
)
initial_weights = "torchvision:resnet152"

train_dataloader = dict(
    batch_size=5,
    num_workers=2,
    sampler=dict(type="OrderSampler"),
    dataset=dict(
        type="FaceDataset",
        repeat=2,  # how often an epoch uses each image
        augment=dict(
            brightness=32,
            contrast=(0.5, 1.5),
            saturation=(0.5, 1.5),
            hue=18,
            swap_channels=0.5,
            crop_min_iou=(0.1, 0.3, 0.5, 0.7, 0.9),
            crop_smallest=0.1,
            flip=0.5,
        ),
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(type="FaceDataset", test_mode=True),
)
val_evaluator = dict(type="FaceAP")

optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="SGD", lr=0.05, momentum=0.9, weight_decay=5e-4),
    clip_grad=dict(max_norm=35, norm_type=2),
)
auto_scale_lr = dict(enable=True, base_batch_size=40)  # lr is for 8 GPUs x 5 images; scaled to the actual batch size
param_scheduler = [
    dict(type="LinearLR", start_factor=1 / 3, by_epoch=False, begin=0, end=1200),
    dict(type="MultiStepLR", by_epoch=True, begin=0, milestones=[40, 55, 65], gamma=0.1),
]
train_cfg = dict(by_epoch=True, max_epochs=70, val_interval=5)
val_cfg = dict()
randomness = dict(seed=0)
