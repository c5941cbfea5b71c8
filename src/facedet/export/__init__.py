"""Export of checkpoints: ONNX and OpenVINO IR with the published model's interface."""
