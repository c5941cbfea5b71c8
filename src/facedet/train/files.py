"""The files of a training run. Imports nothing heavy: the command line looks for them before it starts."""

RESUMED = ("last.pth", "previous.pth")  # from which a run continues
WRITTEN = (
    *("best.pth", "summary.json", "training.html", "training-curve.png", "scalars.csv", "validations.csv"),
    *("batches.png", "best.png", "worst.png"),
)
