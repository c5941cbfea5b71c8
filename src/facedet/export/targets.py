"""The formats of exports, and the names of their files. Imports nothing heavy: help texts list them."""

TARGETS = {
    "onnx": "detector.onnx",
    "fp32": "detector-fp32.xml",
    "fp16": "detector-fp16.xml",
    "int8": "detector-int8.xml",  # by `quantize`, which needs images
}
FORMATS = [name for name in TARGETS if name != "int8"]  # that `export` writes
