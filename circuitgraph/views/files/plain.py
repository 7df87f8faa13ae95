"""Files that other tools wrote: a plain graph becomes one population with one recurrent projection."""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from circuitgraph.errors import NumericError, StructureError
from circuitgraph.ir import ABSENT, Circuit
from circuitgraph.views.build import Merge, first_of_parallel, graph_circuit
from circuitgraph.views.columns import bad_weight, column, named_weight, values, weight_column
from circuitgraph.views.files.listing import Listing


def circuit_of_graph(
    listing: Listing,
    *,
    weight: str | None = "weight",
    label: str = "label",
    merge: Merge = None,
    name: str = "neurons",
    delay: int = 1,
) -> Circuit:
    """Make a circuit of nodes and edges as `from_networkx` does; an undirected edge becomes two slots, side by side.

    Raises:
        StructureError: a pair that comes twice, unless `merge="sum"` adds it up; an attribute that is called `label`;
            no edge with the attribute `weight`, if that has another name than "weight".
        NumericError: a weight that is not a finite number.
        ShapeError: no nodes.
    """
    assert listing.names is not None, "other tools' files list their nodes"
    if label in listing.nodes:
        raise StructureError(f"node attribute {label!r} is taken by the names of the nodes; pass another label=")
    rows = _rows(listing)
    pre, post = (np.concatenate([a, b[rows]]) for a, b in ((listing.pre, listing.post), (listing.post, listing.pre)))
    edge = np.concatenate([np.arange(len(listing.pre)), rows])
    order = np.argsort(edge, kind="stable")
    pre, post, edge = pre[order], post[order], edge[order]
    named = _Named(listing.names, pre, post)
    try:
        first, pair = first_of_parallel(named, pre, post, merge)  # type: ignore[arg-type]
    except StructureError as error:
        raise StructureError(f"{_first_repeat(listing, pre, post, edge)}: {error}") from error
    given = _given(listing, weight)
    total = np.bincount(pair, given[edge], len(first))
    kept = edge[first]
    own = {key: _shrunk(a[kept]) for key, a in listing.edges.items() if key != weight}
    if weight is not None and (weight not in listing.edges or any(v is ABSENT for v in listing.edges[weight][kept])):
        raw = listing.edges.get(weight, np.full(len(listing.pre), ABSENT, dtype=object))
        own[weight] = column(values(raw[kept]), f"edge attribute {weight!r}")
    nodes = {label: column(listing.names, "node"), **{key: _shrunk(a) for key, a in listing.nodes.items()}}
    attributes: Mapping[str, Any] = listing.attributes
    return graph_circuit(nodes, pre[first], post[first], total, own, name=name, delay=delay, attributes=attributes)


class _Named:
    """Give the names at both ends of an edge, when somebody asks."""

    def __init__(self, names: list[Hashable], pre: np.ndarray, post: np.ndarray) -> None:
        self._names, self._pre, self._post = names, pre, post

    def __getitem__(self, edge: int) -> tuple[Hashable, Hashable]:
        return self._names[self._pre[edge]], self._names[self._post[edge]]


def _rows(listing: Listing) -> np.ndarray:
    """List the edges that also go the other way."""
    return np.zeros(0, np.int64) if listing.directed else np.flatnonzero(listing.pre != listing.post)


def _given(listing: Listing, weight: str | None) -> np.ndarray:
    n = len(listing.pre)
    for name in named_weight(weight):
        if n and name not in listing.edges:
            got = ", ".join(map(repr, listing.edges)) or "none"
            raise StructureError(f"edges: no attribute {name!r} (got {got}); rename one or pass its name as weight=")
    if weight is None or weight not in listing.edges:
        return np.ones(n)
    items = values(listing.edges[weight])
    bad = bad_weight(items)
    if bad is not None:
        got = f"got {items[bad]!r}, expected e.g. 1.0"
        raise NumericError(f"{listing.place(bad)}: {weight!r} is not a finite number ({got})")
    return weight_column(items, [("", "")] * n)


def _first_repeat(listing: Listing, pre: np.ndarray, post: np.ndarray, edge: np.ndarray) -> str:
    seen: set[tuple[int, int]] = set()
    for k, pair in enumerate(zip(pre.tolist(), post.tolist(), strict=True)):
        if pair in seen:
            return listing.place(int(edge[k]))
        seen.add(pair)
    raise AssertionError("asked only where there is one")


def _shrunk(a: np.ndarray) -> np.ndarray:
    return column(values(a), "column") if a.dtype == object else a
