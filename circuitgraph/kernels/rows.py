"""Edges in compressed rows, and what all kernels over them share: one slot, one synapse."""

import importlib.util
import warnings
from abc import ABC, abstractmethod
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from circuitgraph.ir import Shape, Topology, n_neurons
from circuitgraph.kernels.kernel import Kernel, wide
from circuitgraph.topologies import Conv, GraphConv, GraphEdges

LARGE = 1 << 18
"""From this many edges on, counting is worth the compiled code that it takes: ten times faster than comparing."""
CHUNK = 1 << 22
"""Products formed at a time where pairing is differentiated, 16 MB in float32: memory does not grow with the batch."""


class Side(NamedTuple):
    """The rows of one side: a neuron of it for each row.

    `order` is the edge at each place (None: edges lie in this order), `starts` where each row begins, `other` the
    neuron at the edge's opposite end, `own` the row itself.  Shape: starts (M + 1,), the others (E,).
    """

    order: Tensor | None
    starts: Tensor
    other: Tensor
    own: Tensor
    n_own: int
    n_other: int


class Rows(torch.nn.Module):
    """Edges in compressed rows, for sums over them in both directions.  Shape: pre, post (E,), neuron indices."""

    def __init__(self, pre: np.ndarray, post: np.ndarray, n_pre: int, n_post: int) -> None:
        super().__init__()
        self.n_pre, self.n_post, self.n_edges = n_pre, n_post, len(pre)
        narrow = np.int32 if max(len(pre), n_pre, n_post) < 2**31 else np.int64
        by_post = _order(post, pre)
        by_pre = _order(pre, post, np.arange(len(pre)) if by_post is None else by_post)
        sides = ("post", post, pre, n_post, by_post), ("pre", pre, post, n_pre, by_pre)
        for name, major, minor, size, order in sides:
            starts = np.zeros(size + 1, dtype=narrow)
            np.cumsum(np.bincount(major, minlength=size), out=starts[1:])
            at = slice(None) if order is None else order
            columns = {"order": order, "starts": starts, "other": minor[at], "own": major[at]}
            for suffix, array in columns.items():
                kind = np.int64 if suffix == "order" else narrow
                buffer = None if array is None else torch.tensor(array.astype(kind, copy=False))
                self.register_buffer(f"{name}_{suffix}", buffer, persistent=False)

    def side(self, name: str) -> Side:
        """Give the rows of one side, "pre" or "post"."""
        columns = {suffix: getattr(self, f"{name}_{suffix}") for suffix in ("order", "starts", "other", "own")}
        n_own, n_other = (self.n_post, self.n_pre) if name == "post" else (self.n_pre, self.n_post)
        return Side(**columns, n_own=n_own, n_other=n_other)

    def sum(self, x: Tensor, factor: Tensor, *, onto: str) -> Tensor:
        """Sum x[other end] * factor[edge] onto each neuron.  Shape: x (N, B), factor (E,) -> (M, B)."""
        side = self.side(onto)
        if not self.n_edges or not x.shape[1]:
            return x.new_zeros(side.n_own, x.shape[1])
        weights = (factor if side.order is None else factor[side.order]).to(x.dtype)
        return F.embedding_bag(
            side.other, x.contiguous(), side.starts, mode="sum", per_sample_weights=weights, include_last_offset=True
        )

    def pair(self, x: Tensor, g: Tensor) -> Tensor:
        """Multiply the two ends of every edge and sum over the batch.  Shape: x (N, B), g (M, B) -> (E,)."""
        side, kind = self.side("post"), wide(x.dtype)
        if not self.n_edges or not x.shape[1]:
            return torch.zeros(self.n_edges, dtype=kind, device=x.device)
        differentiated = torch.is_grad_enabled() and (x.requires_grad or g.requires_grad)
        if differentiated or torch.compiler.is_compiling():
            met = _pair_by_gather(x.contiguous(), g.contiguous(), side)
        else:
            pattern = csr(side, torch.zeros(self.n_edges, dtype=kind, device=x.device))
            met = torch.sparse.sampled_addmm(pattern, g.to(kind), x.to(kind).t(), beta=0.0).values()
        return met if side.order is None else torch.empty_like(met).index_copy(0, side.order, met)


class RowKernel(Kernel, ABC):
    """Sum over compressed rows, one weight per synapse; what a library has to give is one product.

    Activity is turned neuron-major, (neurons, batch), so that a synapse reads one contiguous row; activity that
    already lies so in memory is not copied, and what comes back lies so.
    """

    opaque = True
    coef: Tensor | None

    def __init__(self, topology: Topology, pre: Shape, post: Shape) -> None:
        super().__init__(topology, pre, post)
        pres, posts, coef = by_slot(topology, pre, post)
        self.rows = Rows(pres, posts, n_neurons(pre), n_neurons(post))
        self.register_buffer("coef", None if coef is None else torch.tensor(coef), persistent=False)

    @classmethod
    def supports(cls, topology: Topology, pre: Shape, post: Shape) -> bool:
        return is_irregular(topology, pre, post)

    @abstractmethod
    def sum(self, x: Tensor, factor: Tensor, onto: str) -> Tensor:
        """Sum x[other end] * factor[edge] onto each neuron of a side that has edges.

        Shape: x (N, B) of at least one sample, factor (E,) in the order of slots -> (M, B), of x's type.
        """

    def push(self, x: Tensor, w: Tensor | None) -> Tensor:
        return self._along(x, w, "post").reshape(-1, *self.post)

    def pull(self, g: Tensor, w: Tensor | None, x: Tensor | None = None) -> Tensor:
        return self._along(g, w, "pre").reshape(-1, *self.pre)

    def pair(self, x: Tensor, g: Tensor) -> Tensor:
        met = self.rows.pair(x.flatten(1).t(), g.flatten(1).t())
        return met if self.coef is None else met * self.coef.to(met.dtype)

    def _along(self, x: Tensor, w: Tensor | None, onto: str) -> Tensor:
        assert w is not None
        rows = x.flatten(1).t()
        if not self.rows.n_edges or not len(x):
            return rows.new_zeros(self.rows.side(onto).n_own, len(x)).t()
        return self.sum(rows, w if self.coef is None else w * self.coef.to(w.dtype), onto).t()


def is_irregular(topology: Topology, pre: Shape, post: Shape) -> bool:
    """Tell whether every slot is one synapse between two neurons, with no structure that a kernel of its own uses.

    Example:
        >>> from circuitgraph.topologies import Dense
        >>> is_irregular(Dense(), (3,), (2,)), is_irregular(Conv(3), (1, 5), (1, 3))
        (True, False)
    """
    if topology.reduce != "sum" or isinstance(topology, Conv | GraphConv | GraphEdges):
        return False
    return topology.n_slots(pre, post) == topology.n_synapses(pre, post)


def by_slot(topology: Topology, pre: Shape, post: Shape) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """List the one synapse of each slot: pre, post, and coefficient (None: all one).  Shape: (K,) each."""
    pairs = topology.listed(pre, post)
    if pairs is not None:
        return pairs[0].astype(np.int64, copy=False), pairs[1].astype(np.int64, copy=False), None
    table = topology.synapses(pre, post)
    order = np.argsort(table.slot, kind="stable")
    coef = table.coef[order]
    return table.pre[order], table.post[order], None if (coef == 1).all() else coef


def csr(side: Side, values: Tensor) -> Tensor:
    """Make torch's compressed matrix (own, other) of one side.  Shape: values (E,), in the order of its rows."""
    hush()
    size = side.n_own, side.n_other
    return torch.sparse_csr_tensor(side.starts, side.other, values, size, check_invariants=False)


@cache
def hush() -> None:
    """Let torch warn, unheard, that compressed matrices are in beta and unchecked: it says so once in a process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.sparse_csr_tensor(torch.tensor([0, 1]), torch.tensor([0]), torch.ones(1), (1, 1))


def _order(major: np.ndarray, minor: np.ndarray, by_minor: np.ndarray | None = None) -> np.ndarray | None:
    """Give the order by (major, minor), or None where pairs are in order already, as those of random wiring are.

    `by_minor` is the order by (minor, major), where that is known: what is left is one pass.
    """
    if len(major) < LARGE or importlib.util.find_spec("numba") is None:
        step = np.diff(major)
        ordered = ((step > 0) | ((step == 0) & (np.diff(minor) > 0))).all()
        return None if ordered else np.lexsort((minor, major))
    from circuitgraph.kernels.cpu.wires import is_sorted, sort_pairs

    if is_sorted(major, minor):
        return None
    return sort_pairs(major, minor, int(major.max()) + 1, int(minor.max()) + 1, by_minor)


def _pair_by_gather(x: Tensor, g: Tensor, side: Side) -> Tensor:
    """Pair by gathering both ends, in chunks: slower than a sampled product, but torch differentiates it again."""
    kind = wide(x.dtype)
    step = max(1, CHUNK // max(1, x.shape[1]))
    parts = [
        (x[other].to(kind) * g[own].to(kind)).sum(1)
        for other, own in zip(side.other.split(step), side.own.split(step), strict=True)
    ]
    return torch.cat(parts)
