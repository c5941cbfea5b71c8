"""Weights: published files, checkpoints, initial weights, import of snapshots and exported models."""
