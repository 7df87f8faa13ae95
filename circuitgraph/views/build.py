"""From nodes, edges and attributes to a circuit of one population and one recurrent projection."""

from collections.abc import Hashable, Mapping, Sequence
from itertools import chain
from typing import Any, Literal

import numpy as np

from circuitgraph.errors import ShapeError, StructureError, UnknownNameError
from circuitgraph.ir import Circuit, Population, Projection
from circuitgraph.topologies import Explicit
from circuitgraph.views.edges import grouped, pair_key

Merge = Literal["sum"] | None
Pair = tuple[Hashable, Hashable]


def graph_circuit(
    node_columns: Mapping[str, np.ndarray],
    pre: np.ndarray,
    post: np.ndarray,
    weight: np.ndarray,
    edge_columns: Mapping[str, np.ndarray],
    *,
    name: str,
    delay: int,
    attributes: Mapping[str, Any] | None = None,
) -> Circuit:
    """Make a circuit whose units are the nodes and whose slots are the edges, both in the order given."""
    n_nodes = len(next(iter(node_columns.values())))
    if not n_nodes:
        raise ShapeError("graph: no nodes (got 0, expected at least 1); a population has at least one unit")
    population = Population(name, (n_nodes,), attributes=node_columns)
    projection = Projection(name, name, Explicit(pre, post), weight, delay=delay, attributes=edge_columns)
    return Circuit((population,), (projection,), attributes or {})


def positions(labels: Sequence[Hashable]) -> dict[Hashable, int]:
    """Give each label its position; StructureError where two are equal."""
    out = dict(zip(labels, range(len(labels)), strict=True))
    if len(out) == len(labels):
        return out
    out.clear()
    for i, label in enumerate(labels):
        if label in out:
            raise StructureError(f"nodes: label {label!r} names nodes {out[label]} and {i}; labels are unique")
        out[label] = i
    return out


def ends(edges: Sequence[Pair], index: Mapping[Hashable, int]) -> tuple[np.ndarray, np.ndarray]:
    """Turn pairs of labels into two columns of indices (K,), pre and post."""
    try:
        flat = np.fromiter(map(index.__getitem__, chain.from_iterable(edges)), np.int64, 2 * len(edges))
    except KeyError as error:
        raise StructureError(f"edges: {error.args[0]!r} is not a node; add it to the nodes") from None
    return flat[::2].copy(), flat[1::2].copy()


def first_of_parallel(
    edges: Sequence[Pair], pre: np.ndarray, post: np.ndarray, merge: Merge
) -> tuple[np.ndarray, np.ndarray]:
    """Find parallel edges: the first edge of each pair (P,), and for each edge the pair it belongs to (K,).

    Raises:
        StructureError: if there are any and `merge` is None.
        UnknownNameError: if there is no such way to merge.
    """
    if merge not in (None, "sum"):
        raise UnknownNameError(f"merge {merge!r}: unknown (expected None or 'sum')")
    size = int(max(pre.max(initial=0), post.max(initial=0))) + 1
    first, group = grouped(pair_key(pre, post, size, directed=True))
    if merge is None and len(first) < len(pre):
        again = int(np.flatnonzero(first[group] != np.arange(len(pre)))[0])
        where = "edge {!r} -> {!r}".format(*edges[again])
        raise StructureError(f"{where} comes twice; pass merge='sum' to add up the weights, or leave all but one out")
    return first, group
