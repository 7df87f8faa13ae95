"""Other graphs made of a graph: parts of it, without directions, turned round, and networkx's own."""

from abc import abstractmethod
from collections.abc import Hashable, Iterable, Mapping
from functools import cached_property
from typing import Any, Self

import networkx as nx
import numpy as np

from circuitgraph.ir import ABSENT
from circuitgraph.views.columns import column, rows_of
from circuitgraph.views.edges import grouped, pair_key
from circuitgraph.views.protocol import ReadProtocol
from circuitgraph.views.walk import fill_rows


class Derived(ReadProtocol):
    """The methods of a networkx graph that give another one; those here never change either, but networkx's own do."""

    def subgraph(self, nodes: Iterable[Hashable]) -> Self:
        """Give the graph of some nodes and all edges between them."""
        kept = np.zeros(len(self.names), bool)
        kept[[self.index[name] for name in self.nbunch_iter(nodes)]] = True
        pre, post = self.ends()
        return self._part(kept, np.flatnonzero(kept[pre] & kept[post]))

    def edge_subgraph(self, edges: Iterable[tuple[Hashable, ...]]) -> Self:
        """Give the graph of some edges, and of all nodes that were named with them."""
        asked = [(self.index[u], self.index[v]) for u, v, *_ in edges if u in self and v in self]
        kept = np.zeros(len(self.names), bool)
        kept[[end for pair in asked for end in pair]] = True
        number = {pair: k for k, pair in enumerate(zip(*(a.tolist() for a in self.ends()), strict=True))}
        both = asked if self.directed else [*asked, *((v, u) for u, v in asked)]
        chosen = np.array(sorted({number[pair] for pair in both if pair in number}), dtype=np.int64)
        return self._part(kept, chosen)

    def _part(self, kept: np.ndarray, chosen: np.ndarray) -> Self:
        number = np.cumsum(kept) - 1
        pre, post = (number[end[chosen]] for end in self.ends())
        return self._other(
            [self.names[i] for i in np.flatnonzero(kept).tolist()], pre, post,
            {name: a[chosen] for name, a in self.edge_columns.items()}, self.directed,
            {name: a[kept] for name, a in self.node_columns.items()},
        )  # fmt: skip

    def to_directed(self, as_view: bool = False) -> Self:
        """Give the directed graph that has every edge in both directions; a directed graph is its own."""
        if self.directed:
            return self
        pre = np.repeat(np.arange(len(self.names)), np.diff(self.begins))
        columns = {name: a[self.edge] for name, a in self.edge_columns.items()}
        return self._other(self.names, pre, self.post, columns, True, self.node_columns)

    def to_undirected(self, reciprocal: bool = False, as_view: bool = False) -> Self:
        """Forget directions; of two edges between two nodes the later one updates the earlier, as in networkx.

        `circuit.graph(directed=False)` adds their weights up instead.  `reciprocal` keeps what goes both ways only.
        """
        if not self.directed:
            return self
        pre, post = self.ends()
        first, group = grouped(pair_key(pre, post, len(self.names), directed=False))
        last = np.zeros(len(first), np.int64)
        last[group] = np.arange(len(group))
        if reciprocal:
            both = (first != last) | (pre[first] == post[first])
            first, last = first[both], last[both]
        columns = {name: _later(a, first, last) for name, a in self.edge_columns.items()}
        return self._other(self.names, pre[first], post[first], columns, False, self.node_columns)

    def reverse(self, copy: bool = True) -> Self:
        """Turn every edge round."""
        self._need_direction("reverse")
        pre, post = self.ends()
        return self._other(self.names, post, pre, self.edge_columns, True, self.node_columns)

    @abstractmethod
    def _other(
        self,
        names: list[Hashable],
        pre: np.ndarray,
        post: np.ndarray,
        edge_columns: Mapping[str, np.ndarray],
        directed: bool,
        node_columns: Mapping[str, np.ndarray],
    ) -> Self:
        """Make another graph with the same graph attributes."""

    def to_networkx(self) -> Any:
        """Make a networkx graph, which can be changed: names, attributes and the order of neighbours are the same."""
        made = nx.DiGraph() if self.directed else nx.Graph()
        made.graph.update(self.graph)
        made.add_nodes_from(zip(self.names, rows_of(self.node_columns, len(self.names)), strict=True))
        data = rows_of(self.edge_columns, self.n_edges)
        row = np.repeat(np.arange(len(self.names)), np.diff(self.begins))
        shared = data if self.directed else [*map(data.__getitem__, self.edge.tolist())]
        fill_rows(made._adj, self.names, row, self.names, self.post, shared)
        if self.directed:
            fill_rows(made._pred, self.names, self.post, self.names, row, data)
        return made

    @cached_property
    def kept_networkx(self) -> Any:
        """Give one networkx graph that is kept, frozen: what networkx's own functions read."""
        return nx.freeze(self.to_networkx())

    def copy(self, as_view: bool = False) -> Any:
        """Make a networkx graph, which can be changed."""
        return self if as_view else self.to_networkx()


def _later(a: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Take the later values, and the earlier where there is no later one."""
    late: np.ndarray = a[last]
    if a.dtype != object:
        return late
    return column((w if v is ABSENT else v for v, w in zip(late, a[first], strict=True)), "edge")
