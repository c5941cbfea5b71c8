"""Inference: open a model of any format, run it on images, describe it."""
