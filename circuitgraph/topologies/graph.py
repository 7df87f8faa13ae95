"""Wiring over the nodes of a data graph: sites are nodes, edges run pre to post."""

from typing import Any, Literal

import numpy as np

from circuitgraph.errors import ShapeError
from circuitgraph.ir.shape import Shape
from circuitgraph.ir.tables import Slots, Synapses
from circuitgraph.ir.topology import Topology, crossed, need_units, same_sites
from circuitgraph.ir.value import value
from circuitgraph.registry import topologies
from circuitgraph.topologies.sparse import check_range, freeze_pairs


@topologies.register("graph-edges")
@value
class GraphEdges(Topology):
    """Pass messages along graph edges: one slot per edge, shared by all units (features).

    Shape: pre, post (K,) site indices: `GraphEdges(*edge_index)` of a PyG graph.

    Raises:
        ShapeError: for what is no list of pairs, or a pair that comes twice; in `check` for indices out of range.

    Example:
        >>> GraphEdges([0, 1], [1, 2]).slots((16, 3), (16, 3)).count.tolist()
        [16, 16]
    """

    pre: Any
    post: Any

    def __post_init__(self) -> None:
        freeze_pairs(self)

    def slots(self, pre: Shape, post: Shape) -> Slots:
        return Slots(self.pre, self.post, np.full(len(self.pre), pre[0], np.int64), "site", "site")

    def synapses(self, pre: Shape, post: Shape) -> Synapses:
        units = np.arange(pre[0])[:, None]
        slot = np.broadcast_to(np.arange(len(self.pre)), (pre[0], len(self.pre)))
        return Synapses.build(units * pre[1] + self.pre, units * post[1] + self.post, slot)

    def tied(self, pre: Shape, post: Shape) -> bool:
        return True

    def resized(
        self, pre: Shape, post: Shape, pre_units: np.ndarray, post_units: np.ndarray
    ) -> tuple[Topology, np.ndarray]:
        return self, np.arange(len(self.pre))

    def post_shape(self, pre: Shape, units: int | None = None) -> Shape:
        return pre

    def check(self, pre: Shape, post: Shape) -> None:
        super().check(pre, post)
        _check_nodes(self, pre)

    def n_slots(self, pre: Shape, post: Shape) -> int:
        return len(self.pre)

    def n_synapses(self, pre: Shape, post: Shape) -> int:
        return pre[0] * len(self.pre)

    @classmethod
    def examples(cls) -> list[tuple[Topology, Shape, Shape]]:
        return [(cls([0, 1, 2, 2], [1, 0, 3, 0]), (2, 4), (2, 4)), (cls([0], [0]), (1, 1), (1, 1))]


@topologies.register("graph-conv")
@value
class GraphConv(Topology):
    """Mix features with the same weights at every node and sum over graph edges with fixed coefficients.

    y[o, j] = sum over edges i -> j and units u of  coef[i, j] * w[o, u] * x[u, i];  slot = o * pre units + u.

    `norm` "symmetric" is 1 / sqrt(degree i * degree j) of Kipf and Welling (2017), with degrees counted at the
    postsynaptic end, self loops included; "mean" is 1 / degree j; "sum" is 1.  A node without incoming edges counts
    as one of degree 1 (only without `self_loops`), so that no synapse has the coefficient 0.

    Shape: pre, post (E,) site indices of edges: `GraphConv(*edge_index)` of a PyG graph.

    Raises:
        ShapeError: for what is no list of pairs, a pair that comes twice, or an unknown norm; in `check` for indices
            out of range, or a graph without edges.

    Example:
        >>> GraphConv([0, 1], [1, 0]).synapses((1, 2), (1, 2)).coef.round(3).tolist()
        [0.5, 0.5, 0.5, 0.5]
    """

    pre: Any
    post: Any
    norm: Literal["symmetric", "mean", "sum"] = "symmetric"
    self_loops: bool = True

    def __post_init__(self) -> None:
        freeze_pairs(self)
        if self.norm not in ("symmetric", "mean", "sum"):
            raise ShapeError(f"GraphConv: unknown norm (got {self.norm!r}, expected 'symmetric', 'mean' or 'sum')")

    def edges(self, n_nodes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Give pre, post and coefficient of every edge, self loops included.  Shape: three arrays (E,).

        Example:
            >>> [column.tolist() for column in GraphConv([0], [1], "mean").edges(2)]
            [[0, 0, 1], [1, 0, 1], [0.5, 1.0, 0.5]]
        """
        pre, post = self.pre, self.post
        if self.self_loops:
            alone = np.setdiff1d(np.arange(n_nodes), pre[pre == post])
            pre, post = np.r_[pre, alone], np.r_[post, alone]
        degree = np.maximum(np.bincount(post, minlength=n_nodes), 1).astype(np.float64)
        if self.norm == "symmetric":
            return pre, post, 1 / np.sqrt(degree[pre] * degree[post])
        return pre, post, 1 / degree[post] if self.norm == "mean" else np.ones(len(pre))

    def slots(self, pre: Shape, post: Shape) -> Slots:
        out, unit = np.indices((post[0], pre[0])).reshape(2, -1)
        return Slots(unit, out, np.full(len(out), self._n_edges(pre[1]), np.int64))

    def synapses(self, pre: Shape, post: Shape) -> Synapses:
        at_pre, at_post, coef = self.edges(pre[1])
        out, unit = np.indices((post[0], pre[0])).reshape(2, -1)[..., None]
        slot = np.broadcast_to(out * pre[0] + unit, (post[0] * pre[0], len(coef)))
        return Synapses.build(unit * pre[1] + at_pre, out * post[1] + at_post, slot, np.broadcast_to(coef, slot.shape))

    def post_shape(self, pre: Shape, units: int | None = None) -> Shape:
        return (need_units(self, units), *pre[1:])

    def check(self, pre: Shape, post: Shape) -> None:
        same_sites(self, pre, post)
        _check_nodes(self, pre)
        if not self._n_edges(pre[1]):
            raise ShapeError(f"{self!r}: the graph has no edge; its weights would have no synapse")

    def n_slots(self, pre: Shape, post: Shape) -> int:
        return pre[0] * post[0]

    def n_synapses(self, pre: Shape, post: Shape) -> int:
        return pre[0] * post[0] * self._n_edges(pre[1])

    def resized(
        self, pre: Shape, post: Shape, pre_units: np.ndarray, post_units: np.ndarray
    ) -> tuple[Topology, np.ndarray]:
        return self, crossed(post_units, pre_units, pre[0])

    def row_length(self, pre: Shape, post: Shape) -> int | None:
        return pre[0]

    def _count(self, pre: Shape, post: Shape, slots: np.ndarray) -> int:
        return len(slots) * self._n_edges(pre[1])

    def _n_edges(self, n_nodes: int) -> int:
        return len(self.pre) + (n_nodes - int((self.pre == self.post).sum()) if self.self_loops else 0)

    @classmethod
    def examples(cls) -> list[tuple[Topology, Shape, Shape]]:
        edges = [0, 1, 2, 2], [1, 0, 3, 0]
        return [
            (cls(*edges), (2, 4), (3, 4)),
            (cls(*edges, "mean"), (2, 4), (3, 4)),
            (cls(*edges, "sum"), (2, 4), (3, 4)),
            (cls(*edges, "sum", False), (2, 5), (1, 5)),
        ]


def _check_nodes(topology: "GraphEdges | GraphConv", pre: Shape) -> None:
    if len(pre) != 2:
        raise ShapeError(f"{topology!r}: sites are the nodes of one graph (got shape {pre}, expected (units, nodes))")
    check_range(topology, "pre", topology.pre, pre[1])
    check_range(topology, "post", topology.post, pre[1])
