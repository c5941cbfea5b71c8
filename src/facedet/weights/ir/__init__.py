"""Recover weights from an OpenVINO graph."""
