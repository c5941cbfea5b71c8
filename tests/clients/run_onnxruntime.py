"""Run an ONNX file: FILE TENSOR.npy ROWS.npy; the rows are those of its output `boxes`."""

import sys

import numpy as np
import onnxruntime

file, tensor, rows = sys.argv[1:]
session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
np.save(rows, session.run(["boxes"], {"input": np.load(tensor)})[0])
