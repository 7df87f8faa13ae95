"""Circuits from and to other libraries: torch's modules, PyG, NIR, ONNX, and folders of weights."""

from circuitgraph.exchange.from_nir import from_nir
from circuitgraph.exchange.from_torch import from_torch
from circuitgraph.exchange.onnx import to_onnx
from circuitgraph.exchange.pretrained import from_pretrained, save_pretrained
from circuitgraph.exchange.pyg import from_pyg, to_pyg
from circuitgraph.exchange.report import Report
from circuitgraph.exchange.to_nir import to_nir
from circuitgraph.exchange.to_torch import to_torch

__all__ = [
    "Report", "from_nir", "from_pretrained", "from_pyg", "from_torch", "save_pretrained", "to_nir", "to_onnx", "to_pyg",
    "to_torch",
]  # fmt: skip
