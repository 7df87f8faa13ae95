"""What computes: push, pull and pair over the synapses of a projection."""

from circuitgraph.kernels.allocator import tune_allocator
from circuitgraph.kernels.compact import CompactConv
from circuitgraph.kernels.conv import ConvKernel
from circuitgraph.kernels.dense import DenseKernel, Relay
from circuitgraph.kernels.ends import Ends
from circuitgraph.kernels.kernel import Kernel
from circuitgraph.kernels.libraries import EdgeIndexKernel, TorchCsr, TorchSparse
from circuitgraph.kernels.masked import Masked
from circuitgraph.kernels.native import NumbaKernel
from circuitgraph.kernels.pool import PoolKernel
from circuitgraph.kernels.reference import Reference
from circuitgraph.kernels.select import Choice, Setting, choose_kernel, make_kernel
from circuitgraph.kernels.sparse import EmbeddingBag, GraphKernel
from circuitgraph.kernels.sparse_conv import SparseConv
from circuitgraph.kernels.tiles import TileKernel
from circuitgraph.kernels.triton_blocks import TritonBlocks
from circuitgraph.kernels.triton_rows import TritonRows
from circuitgraph.kernels.tune import Tuner
from circuitgraph.kernels.winners import k_winners

__all__ = [
    "Choice", "CompactConv", "ConvKernel", "DenseKernel", "EdgeIndexKernel", "EmbeddingBag", "Ends", "GraphKernel",
    "Kernel", "Masked", "NumbaKernel", "PoolKernel", "Reference", "Relay", "Setting", "SparseConv", "TileKernel",
    "TorchCsr", "TorchSparse", "TritonBlocks", "TritonRows", "Tuner", "choose_kernel", "k_winners", "make_kernel",
    "tune_allocator",
]  # fmt: skip
