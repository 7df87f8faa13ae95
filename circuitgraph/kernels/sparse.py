"""Irregular wiring over compressed rows, and a graph's edges shared by all features."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from circuitgraph.ir import Shape, Topology, n_neurons
from circuitgraph.kernels.kernel import Kernel, wide
from circuitgraph.kernels.select import make_kernel
from circuitgraph.registry import kernels
from circuitgraph.topologies import Conv, GraphConv, GraphEdges, Pruned

CHUNK = 1 << 22
"""Products formed at a time while pairing, 16 MB in float32: memory does not grow with synapses times batch."""


class Rows(torch.nn.Module):
    """Edges in compressed rows, for sums over them in both directions.  Shape: pre, post (E,), neuron indices."""

    post_order: Tensor
    post_other: Tensor
    post_own: Tensor

    def __init__(self, pre: np.ndarray, post: np.ndarray, n_pre: int, n_post: int) -> None:
        super().__init__()
        self.n_pre, self.n_post = n_pre, n_post
        narrow = np.int32 if max(len(pre), n_pre, n_post) < 2**31 else np.int64
        for name, major, minor, size in (("post", post, pre, n_post), ("pre", pre, post, n_pre)):
            order = np.lexsort((minor, major))
            starts = np.zeros(size + 1, dtype=narrow)
            np.cumsum(np.bincount(major, minlength=size), out=starts[1:])
            columns = {"order": order, "starts": starts, "other": minor[order].astype(narrow), "own": major[order]}
            for suffix, array in columns.items():
                self.register_buffer(f"{name}_{suffix}", torch.tensor(array), persistent=False)

    def sum(self, x: Tensor, factor: Tensor, *, onto: str) -> Tensor:
        """Sum x[other end] * factor[edge] onto each neuron.  Shape: x (N, B), factor (E,) -> (M, B)."""
        order, starts, other = (getattr(self, f"{onto}_{suffix}") for suffix in ("order", "starts", "other"))
        size = self.n_post if onto == "post" else self.n_pre
        if not len(order) or not x.shape[1]:
            return x.new_zeros(size, x.shape[1])
        weights = factor[order].to(x.dtype)
        return F.embedding_bag(
            other, x.contiguous(), starts, mode="sum", per_sample_weights=weights, include_last_offset=True
        )

    def pair(self, x: Tensor, g: Tensor) -> Tensor:
        """Multiply the two ends of every edge and sum over the batch.  Shape: x (N, B), g (M, B) -> (E,)."""
        kind = wide(x.dtype)
        out = torch.empty(len(self.post_order), dtype=kind, device=x.device)
        step = max(1, CHUNK // max(1, x.shape[1]))
        for start in range(0, len(out), step):
            at = slice(start, start + step)
            met = (x[self.post_other[at]].to(kind) * g[self.post_own[at]].to(kind)).sum(1)
            out[self.post_order[at]] = met
        return out


@kernels.register("sparse")
class SparseKernel(Kernel):
    """Sum over compressed rows, one weight per synapse.

    Activity is turned neuron-major, (neurons, batch), so that a synapse reads one contiguous row; torch's
    `embedding_bag` is then the fastest product with a sparse matrix that needs no compiler.
    """

    coef: Tensor | None

    def __init__(self, topology: Topology, pre: Shape, post: Shape) -> None:
        super().__init__(topology, pre, post)
        table = topology.synapses(pre, post)
        by_slot = np.argsort(table.slot, kind="stable")
        self.rows = Rows(table.pre[by_slot], table.post[by_slot], n_neurons(pre), n_neurons(post))
        coef = table.coef[by_slot]
        self.register_buffer("coef", None if (coef == 1).all() else torch.tensor(coef), persistent=False)

    @classmethod
    def supports(cls, topology: Topology, pre: Shape, post: Shape) -> bool:
        if topology.reduce != "sum" or isinstance(topology, Conv | GraphConv | GraphEdges):
            return False
        return topology.n_slots(pre, post) == topology.n_synapses(pre, post)

    @classmethod
    def cost(cls, topology: Topology, pre: Shape, post: Shape) -> float:
        return 2.5 * topology.n_synapses(pre, post)

    def push(self, x: Tensor, w: Tensor | None) -> Tensor:
        return self.rows.sum(x.flatten(1).t(), self._factor(w), onto="post").t().reshape(-1, *self.post)

    def pull(self, g: Tensor, w: Tensor | None, x: Tensor | None = None) -> Tensor:
        return self.rows.sum(g.flatten(1).t(), self._factor(w), onto="pre").t().reshape(-1, *self.pre)

    def pair(self, x: Tensor, g: Tensor) -> Tensor:
        met = self.rows.pair(x.flatten(1).t().contiguous(), g.flatten(1).t().contiguous())
        return met if self.coef is None else met * self.coef.to(met.dtype)

    def _factor(self, w: Tensor | None) -> Tensor:
        assert w is not None
        return w if self.coef is None else w * self.coef.to(w.dtype)


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


@kernels.register("scatter")
class ScatterKernel(Kernel):
    """Run a pruned topology on the kernel of the whole one, through a private dense buffer."""

    topology: Pruned
    keep: Tensor

    def __init__(self, topology: Topology, pre: Shape, post: Shape) -> None:
        super().__init__(topology, pre, post)
        whole = self.topology.topology
        self.whole = make_kernel(whole, pre, post)
        self.n_whole = whole.n_slots(pre, post)
        self.register_buffer("keep", torch.tensor(self.topology.keep), persistent=False)

    @classmethod
    def supports(cls, topology: Topology, pre: Shape, post: Shape) -> bool:
        return isinstance(topology, Pruned)

    @classmethod
    def cost(cls, topology: Topology, pre: Shape, post: Shape) -> float:
        assert isinstance(topology, Pruned)
        return float(topology.topology.n_synapses(pre, post))

    def push(self, x: Tensor, w: Tensor | None) -> Tensor:
        return self.whole.push(x, self._scatter(w))

    def pull(self, g: Tensor, w: Tensor | None, x: Tensor | None = None) -> Tensor:
        return self.whole.pull(g, self._scatter(w), x)

    def pair(self, x: Tensor, g: Tensor) -> Tensor:
        return self.whole.pair(x, g)[self.keep]

    def _scatter(self, w: Tensor | None) -> Tensor:
        assert w is not None
        return w.new_zeros(self.n_whole).index_copy(0, self.keep, w)


def _node_major(x: Tensor) -> Tensor:
    """Turn (B, units, nodes) into (nodes, B * units)."""
    return x.permute(2, 0, 1).reshape(x.shape[2], -1)
