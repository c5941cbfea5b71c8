"""The whole workflow on drawn faces: train, export, check parity, detect."""

from pathlib import Path

import click

from facedet.common.errors import UserError
from facedet.common.outputs import refuse_filled
from facedet.common.progress import Progress
from facedet.data.image import read_image, write_png
from facedet.data.synthetic import draw_dataset
from facedet.export.export import export_model
from facedet.inference.detect import detect_images
from facedet.inference.draw import grid
from facedet.parity.check import check_parity
from facedet.parity.parity_report import write_parity
from facedet.text.parity import parity_table
from facedet.train import finetune

_EPOCHS = 28  # two to three minutes on two cores


def run(folder: Path, epochs: int | None, progress: Progress, images: tuple[int, int, int] = (64, 16, 16)) -> None:
    """Write the drawn datasets, the training run, the exports, the parity report and a grid of images into `folder`.

    images: how many to draw for training, for validation and to detect faces in.
    """
    refuse_filled(folder)
    click.echo(f"1/5 drawing {sum(images)} images with faces and objects that resemble faces")
    train = draw_dataset(folder / "faces", images[0], seed=1, name="train")
    val = draw_dataset(folder / "faces", images[1], seed=2, name="val")
    draw_dataset(folder / "held-out", images[2], seed=3, name="held-out")
    click.echo("2/5 fine-tuning the tiny detector from random weights")
    summary = finetune("tiny", train, val, work_dir=folder / "training", epochs=epochs or _EPOCHS)
    click.echo("3/5 exporting to ONNX and OpenVINO IR")
    checkpoint = Path(summary.best_checkpoint)
    files = export_model(checkpoint, folder / "model", ["onnx", "fp32"], progress)
    click.echo("4/5 checking that the exports compute what was trained")
    held_out = folder / "held-out" / "images"
    parity = check_parity([checkpoint, files["onnx"], files["fp32"]], held_out, progress=progress)
    click.echo(parity_table(parity))
    report = write_parity(parity, folder / "parity")
    click.echo("5/5 detecting faces in unseen images with the IR")
    pictures = folder / "pictures"
    detect_images(files["fp32"], [held_out], pictures, progress=progress)
    drawn = [read_image(path) for path in sorted(pictures.glob("*.png"))]
    write_png(grid(drawn), folder / "grid.png")
    if not parity.agree:
        raise UserError(f"the exports differ from the checkpoint; see {report}")
    click.echo(
        f"\nAP {summary.best['AP']:.3f}, AP50 {summary.best['AP50']:.3f} on drawn faces, exports agree. Look at\n"
        f"  {folder / 'grid.png'}  detections of the IR in images it never saw\n"
        f"  {summary.report}  the training run: loss, AP, pictures\n"
        f"  {report}  parity of checkpoint, ONNX and IR\n"
        f"  {files['fp32']}  the IR, ready to deploy"
    )
