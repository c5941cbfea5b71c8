"""The preprocessing inside a graph, run in OpenVINO."""

import openvino as ov

from facedet.inference.session_parts import Preprocessing
from facedet.weights.ir.graph import Subgraph
from facedet.weights.ir.graph_operations import graph_operations


def graph_preprocessing(model: ov.Model) -> Preprocessing:
    """The part of a graph before its first convolution."""
    part = Subgraph(model, [graph_operations(model).image])
    return lambda image: part(image)[0]
