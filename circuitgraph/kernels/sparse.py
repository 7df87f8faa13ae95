"""Irregular wiring through torch's embedding bags, and a graph's edges shared by all features."""

import torch
from torch import Tensor

from circuitgraph.ir import Shape, Topology
from circuitgraph.kernels.kernel import Kernel, wide
from circuitgraph.kernels.rows import RowKernel, Rows
from circuitgraph.registry import kernels
from circuitgraph.topologies import GraphConv, GraphEdges


@kernels.register("embedding-bag")
class EmbeddingBag(RowKernel):
    """Sum over compressed rows by torch's `embedding_bag`, its fastest product with a sparse matrix on processors.

    A sum of rows of x, weighted, is what an embedding bag is; pairing is torch's sampled product.
    """

    @classmethod
    def cost(cls, topology: Topology, pre: Shape, post: Shape) -> float:
        return 2.5 * topology.n_synapses(pre, post)

    def sum(self, x: Tensor, factor: Tensor, onto: str) -> Tensor:
        return self.rows.sum(x, factor, onto=onto)


@kernels.register("graph")
class GraphKernel(Kernel):
    """Sum over a graph's edges for all features at once; features and batch share the vector lanes."""

    coef: Tensor

    def __init__(self, topology: Topology, pre: Shape, post: Shape) -> None:
        super().__init__(topology, pre, post)
        assert isinstance(topology, GraphEdges | GraphConv)
        if isinstance(topology, GraphConv):
            at_pre, at_post, coef = topology.edges(pre[1])
            self.register_buffer("coef", torch.tensor(coef), persistent=False)
        else:
            at_pre, at_post = topology.pre, topology.post
        self.mixes = isinstance(topology, GraphConv)
        self.rows = Rows(at_pre, at_post, pre[1], post[1])

    @classmethod
    def supports(cls, topology: Topology, pre: Shape, post: Shape) -> bool:
        return isinstance(topology, GraphEdges | GraphConv)

    def push(self, x: Tensor, w: Tensor | None) -> Tensor:
        assert w is not None
        if self.mixes:
            return self._along(torch.einsum("oi,bin->bon", self._matrix(w, x), x), self.coef, "post")
        return self._along(x, w, "post")

    def pull(self, g: Tensor, w: Tensor | None, x: Tensor | None = None) -> Tensor:
        assert w is not None
        if self.mixes:
            return torch.einsum("oi,bon->bin", self._matrix(w, g), self._along(g, self.coef, "pre"))
        return self._along(g, w, "pre")

    def pair(self, x: Tensor, g: Tensor) -> Tensor:
        if self.mixes:
            return torch.einsum("bon,bin->oi", self._along(g, self.coef, "pre"), x).flatten().to(wide(x.dtype))
        return self.rows.pair(_node_major(x), _node_major(g))

    def _matrix(self, w: Tensor, like: Tensor) -> Tensor:
        return w.to(like.dtype).view(self.post[0], self.pre[0])

    def _along(self, x: Tensor, factor: Tensor, onto: str) -> Tensor:
        summed = self.rows.sum(_node_major(x), factor, onto=onto)
        return summed.view(len(summed), *x.shape[:2]).permute(1, 2, 0)


def _node_major(x: Tensor) -> Tensor:
    """Turn (B, units, nodes) into (nodes, B * units)."""
    return x.permute(2, 0, 1).reshape(x.shape[2], -1)
