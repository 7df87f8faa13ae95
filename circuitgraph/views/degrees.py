"""Degrees as networkx reads them: iterate over pairs, look one up, or call with nodes and a weight."""

from collections.abc import Hashable, Iterator, Mapping
from functools import cached_property
from typing import Any, Literal, Protocol

import numpy as np

from circuitgraph.ir import ABSENT

Side = Literal["in", "out", "both"]


class Counted(Protocol):
    """What degrees are counted of: rows of neighbours, and the number of each entry's edge."""

    names: list[Hashable]
    begins: np.ndarray
    post: np.ndarray
    edge: np.ndarray
    directed: bool
    edge_columns: Mapping[str, np.ndarray]

    @property
    def index(self) -> Mapping[Hashable, int]:
        """Give the number of every name."""

    def nbunch_iter(self, nbunch: Any) -> Iterator[Hashable]:
        """List those of some nodes that are in the graph."""


class Degrees:
    """The degree of every node, or of some: how many edges reach it, leave it, or both; a loop counts twice.

    With a weight the edges' attribute is added up, 1 where an edge lacks it.
    """

    def __init__(
        self, graph: Counted, side: Side, weight: str | None = None, some: list[Hashable] | None = None
    ) -> None:
        self._graph, self._side, self._weight, self._some = graph, side, weight, some

    def __call__(self, nbunch: Any = None, weight: str | None = None) -> Any:
        """Give the degree of one node, or the degrees of several."""
        if nbunch is None:
            return self if weight == self._weight else Degrees(self._graph, self._side, weight)
        made = Degrees(self._graph, self._side, weight)
        try:
            return made[nbunch]
        except (KeyError, TypeError):
            made._some = list(self._graph.nbunch_iter(nbunch))
            return made

    def __getitem__(self, name: Hashable) -> Any:
        return self._all[self._graph.index[name]]

    def __iter__(self) -> Iterator[tuple[Hashable, Any]]:
        if self._some is not None:
            return ((name, self[name]) for name in self._some)
        return zip(self._graph.names, self._all, strict=True)

    def __len__(self) -> int:
        return len(self._graph.names if self._some is None else self._some)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({dict(self)})"

    @cached_property
    def _all(self) -> list[Any]:
        g = self._graph
        pre = np.repeat(np.arange(len(g.names)), np.diff(g.begins))
        ends = {"in": (g.post,), "out": (pre,), "both": (pre, g.post)}[self._side]
        if not g.directed:  # rows hold both directions, and a loop once
            ends = (pre, pre[pre == g.post])
        weight = self._entries()
        loops = slice(None) if g.directed else pre == g.post
        if weight is None:
            return _listed(np.sum([np.bincount(end, minlength=len(g.names)) for end in ends], axis=0))
        parts = (weight, weight[loops])
        return _totals(zip(ends, parts, strict=False), len(g.names), weight.dtype)

    def _entries(self) -> np.ndarray | None:
        if self._weight is None or self._weight not in self._graph.edge_columns:
            return None
        entries: np.ndarray = self._graph.edge_columns[self._weight][self._graph.edge]
        return entries


def _totals(parts: Iterator[tuple[np.ndarray, np.ndarray]], n: int, dtype: np.dtype[Any]) -> list[Any]:
    if dtype.kind == "f":
        return _listed(np.sum([np.bincount(end, weight, n) for end, weight in parts], axis=0))
    # Python's own numbers add up as networkx adds them, whatever they are.
    totals: list[Any] = [0] * n
    for end, weight in parts:
        for i, w in zip(end.tolist(), weight.tolist(), strict=True):
            totals[i] += 1 if w is ABSENT else w
    return totals


def _listed(a: np.ndarray) -> list[Any]:
    found: list[Any] = a.tolist()
    return found
