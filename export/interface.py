"""The interface that the published model has and every exported one keeps."""

INPUT = "input"  # [1, 3, size, size] float32, BGR, 0..255
INPUT_ALIAS = "image"  # what newer published files call it
BOXES = "boxes"  # [750, 5] float32: x1 y1 x2 y2 in pixels of the input, score; best first; rows past the last are zero
LABELS = "labels"  # [750] int64, 0 = face
CLASSES = ("face",)
SHOW_ABOVE = 0.3  # scores are products and run low: above this a box is shown, unless the user says otherwise
