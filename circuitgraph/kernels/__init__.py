"""What computes: push, pull and pair over the synapses of a projection."""

from circuitgraph.kernels.allocator import tune_allocator
from circuitgraph.kernels.conv import ConvKernel
from circuitgraph.kernels.dense import DenseKernel, Relay
from circuitgraph.kernels.ends import Ends
from circuitgraph.kernels.kernel import Kernel
from circuitgraph.kernels.pool import PoolKernel
from circuitgraph.kernels.reference import Reference
from circuitgraph.kernels.select import make_kernel
from circuitgraph.kernels.sparse import GraphKernel, ScatterKernel, SparseKernel

__all__ = [
    "ConvKernel", "DenseKernel", "Ends", "GraphKernel", "Kernel", "PoolKernel", "Reference", "Relay", "ScatterKernel",
    "SparseKernel", "make_kernel", "tune_allocator",
]  # fmt: skip
