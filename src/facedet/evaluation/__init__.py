"""Measure how accurate a model is, and compare models."""
