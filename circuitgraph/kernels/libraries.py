"""Irregular wiring through other libraries' products: torch's compressed matrices, torch-sparse, PyG."""

import importlib.util
from typing import Any

import torch
from torch import Tensor

from circuitgraph.ir import Shape, Topology
from circuitgraph.kernels.kernel import wide
from circuitgraph.kernels.rows import RowKernel, csr, hush
from circuitgraph.registry import kernels


@kernels.register("torch-csr")
class TorchCsr(RowKernel):
    """Multiply by torch's compressed matrix: MKL on processors, cuSPARSE on CUDA; pairing is `sampled_addmm`."""

    @classmethod
    def cost(cls, topology: Topology, pre: Shape, post: Shape) -> float:
        return 5.0 * topology.n_synapses(pre, post)

    def sum(self, x: Tensor, factor: Tensor, onto: str) -> Tensor:
        side, kind = self.rows.side(onto), wide(x.dtype)  # MKL has no narrow types
        values = (factor if side.order is None else factor[side.order]).to(kind)
        return (csr(side, values) @ x.to(kind)).to(x.dtype)


@kernels.register("torch-sparse")
class TorchSparse(RowKernel):
    """Multiply by the `spmm` of torch-sparse, where that is installed."""

    def __init__(self, topology: Topology, pre: Shape, post: Shape) -> None:
        super().__init__(topology, pre, post)
        for name, index in list(self.rows.named_buffers()):
            setattr(self.rows, name, index.long())  # the only type that it takes

    @classmethod
    def present(cls) -> bool:
        return importlib.util.find_spec("torch_sparse") is not None

    @classmethod
    def cost(cls, topology: Topology, pre: Shape, post: Shape) -> float:
        return 35.0 * topology.n_synapses(pre, post)

    def sum(self, x: Tensor, factor: Tensor, onto: str) -> Tensor:
        import torch_sparse

        side, kind = self.rows.side(onto), wide(x.dtype)
        values = (factor if side.order is None else factor[side.order]).to(kind)
        matrix = torch_sparse.SparseTensor(
            rowptr=side.starts,
            col=side.other,
            value=values,
            sparse_sizes=(side.n_own, side.n_other),
            is_sorted=True,
            trust_data=True,
        )
        return torch_sparse.matmul(matrix, x.to(kind).contiguous(), reduce="sum").to(x.dtype)


@kernels.register("edge-index")
class EdgeIndexKernel(RowKernel):
    """Multiply by PyG's `EdgeIndex.matmul`, which takes torch's or torch-sparse's product."""

    def __init__(self, topology: Topology, pre: Shape, post: Shape) -> None:
        super().__init__(topology, pre, post)
        self._edges: dict[tuple[str, torch.device], Any] = {}

    @classmethod
    def cost(cls, topology: Topology, pre: Shape, post: Shape) -> float:
        return 6.0 * topology.n_synapses(pre, post)

    def sum(self, x: Tensor, factor: Tensor, onto: str) -> Tensor:
        side, kind = self.rows.side(onto), wide(x.dtype)
        values = (factor if side.order is None else factor[side.order]).to(kind)
        hush()
        # Detached: for weights that are trained PyG would gather and scatter, to differentiate what is done here.
        return self._edge_index(onto, x.device).matmul(x.to(kind), input_value=values.detach()).to(x.dtype)

    def _edge_index(self, onto: str, device: torch.device) -> Any:
        """Give the edges as PyG's tensor, which keeps its row pointers: made on first use on a device."""
        if (onto, device) not in self._edges:
            from torch_geometric import EdgeIndex  # seconds to import

            side = self.rows.side(onto)
            pairs = torch.stack([side.own, side.other]).long()  # torch-sparse takes no other type
            self._edges[onto, device] = EdgeIndex(pairs, sparse_size=(side.n_own, side.n_other), sort_order="row")
        return self._edges[onto, device]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_edges": {}}
