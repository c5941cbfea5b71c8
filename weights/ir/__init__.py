"""From an OpenVINO graph back to weights."""
