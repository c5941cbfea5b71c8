"""How a checkpoint ships: ONNX and OpenVINO IR with the published interface."""
