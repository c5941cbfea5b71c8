"""The mmdet configs of the project. This module imports nothing heavy."""

from pathlib import Path

FOLDER = Path(__file__).parent
RELEASED = "face_detection_0206"  # the config of the published model
