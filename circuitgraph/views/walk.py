"""What a networkx graph holds, as lists and arrays, without a Python object made per edge."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any, overload

import networkx as nx
import numpy as np

from circuitgraph.views.edges import by_number


@dataclass(frozen=True, eq=False)
class EdgeNames(Sequence[tuple[Hashable, Hashable]]):
    """Pairs of names, made when they are asked for."""

    names: list[Hashable]
    pre: np.ndarray
    post: np.ndarray

    def __len__(self) -> int:
        return len(self.pre)

    @overload
    def __getitem__(self, k: int) -> tuple[Hashable, Hashable]: ...

    @overload
    def __getitem__(self, k: slice) -> list[tuple[Hashable, Hashable]]: ...

    def __getitem__(self, k: Any) -> Any:
        if isinstance(k, slice):
            return [self[i] for i in range(*k.indices(len(self)))]
        return self.names[self.pre[k]], self.names[self.post[k]]


@dataclass(frozen=True, eq=False)
class Walk:
    """Nodes in order, and every entry of the adjacency: an undirected edge comes in both directions, a loop once.

    Shape: lengths (N,), how many entries every node has; post (M,); data, one mapping per entry.
    """

    names: list[Hashable]
    lengths: np.ndarray
    post: np.ndarray
    data: list[Mapping[str, Any]]

    @property
    def pre(self) -> np.ndarray:
        """Give the row of every entry.  Shape: (M,)."""
        return np.repeat(np.arange(len(self.names)), self.lengths)


def walk(graph: nx.Graph) -> Walk:
    """Read nodes and edges of a graph in networkx's order; parallel edges one after the other.

    Example:
        >>> walk(nx.Graph([("a", "b")])).post.tolist()
        [1, 0]
    """
    names = list(graph)
    index = dict(zip(names, range(len(names)), strict=True))
    rows = [row for _, row in graph.adjacency()]
    if graph.is_multigraph():
        ends: Iterable[Hashable] = (post for row in rows for post, keyed in row.items() for _ in keyed)
        data = [d for row in rows for keyed in row.values() for d in keyed.values()]
        lengths = [sum(map(len, row.values())) for row in rows]
    else:
        ends = chain.from_iterable(rows)
        data = [d for row in rows for d in row.values()]
        lengths = [*map(len, rows)]
    post = np.fromiter(map(index.__getitem__, ends), np.int64, sum(lengths))
    return Walk(names, np.array(lengths, dtype=np.int64), post, data)


def fill_rows(
    adjacency: Any,
    row_names: Sequence[Hashable],
    row: np.ndarray,
    names: Sequence[Hashable],
    entry: np.ndarray,
    data: Sequence[Mapping[str, Any]],
) -> None:
    """Write edges into a graph's adjacency a row at a time, in their order: a third of the time of `add_edges_from`.

    Shape: row, entry (K,), numbers into `row_names` and `names`; data, one dictionary per edge.
    """
    if (np.diff(row) < 0).any():
        order = by_number(row, len(row_names))
        row, entry = row[order], entry[order]
        data = [*map(data.__getitem__, order.tolist())]
    ends = [*map(names.__getitem__, entry.tolist())]
    bounds = np.flatnonzero(np.diff(row, prepend=-1, append=-1)).tolist()
    for first, last in pairwise(bounds):
        adjacency[row_names[row[first]]].update(zip(ends[first:last], data[first:last], strict=True))
