"""Arrays: a graph as compressed rows, which every measure of this package reads."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp


@dataclass(frozen=True, eq=False)
class Arrays:
    """Edges by presynaptic node: those of node i are post[begins[i]:begins[i + 1]], in the order they were given.

    A directed graph lists each edge once, an undirected one in both directions and a loop once; there are no parallel
    edges.  An edge of weight 0 is an edge.  `weight=None` says that every edge weighs 1.

    Shape: begins (N + 1,) int64; post (E,) int32; weight (E,) float64.

    Example:
        >>> a = Arrays.from_edges(3, np.array([0, 1]), np.array([1, 2]), directed=False)
        >>> a.begins.tolist(), a.post.tolist(), a.n_edges
        ([0, 1, 3, 4], [1, 0, 2, 1], 2)
    """

    begins: np.ndarray
    post: np.ndarray
    weight: np.ndarray | None = None
    directed: bool = True

    @classmethod
    def from_edges(
        cls, n: int, pre: np.ndarray, post: np.ndarray, weight: np.ndarray | None = None, *, directed: bool = True
    ) -> "Arrays":
        """Compress a list of edges, each given once; those of one node keep their order.

        Shape: pre, post, weight (E,).
        """
        if not directed:
            pre, post, weight = _both_directions(pre, post, weight)
        order = by_number(pre, n)
        begins = np.zeros(n + 1, np.int64)
        np.cumsum(np.bincount(pre, minlength=n), out=begins[1:])
        kept = None if weight is None else np.ascontiguousarray(weight[order], np.float64)
        return cls(begins, post[order].astype(np.int32), kept, directed)

    @property
    def n(self) -> int:
        """Count the nodes."""
        return len(self.begins) - 1

    @cached_property
    def pre(self) -> np.ndarray:
        """Give each entry's row.  Shape: (E,) int32."""
        return np.repeat(np.arange(self.n, dtype=np.int32), np.diff(self.begins))

    @cached_property
    def heard(self) -> np.ndarray:
        """Count the entries that end at each node.  Shape: (N,) int64."""
        return np.bincount(self.post, minlength=self.n)

    @cached_property
    def n_edges(self) -> int:
        """Count the edges; of an undirected graph each once."""
        if self.directed:
            return len(self.post)
        return (len(self.post) + int((self.pre == self.post).sum())) // 2

    @cached_property
    def matrix(self) -> Any:
        """Give the compressed matrix A[pre, post] = weight; an edge of weight 0 is an explicit zero.  Shape: (N, N)."""
        weight = np.ones(len(self.post)) if self.weight is None else self.weight
        return sp.csr_array((weight, self.post, self.begins), shape=(self.n, self.n))

    @cached_property
    def turned(self) -> "Arrays":
        """Give the graph with every edge turned round; an undirected one is its own."""
        if not self.directed:
            return self
        return Arrays.from_edges(self.n, self.post, self.pre, self.weight)

    @cached_property
    def ordered(self) -> "Arrays":
        """Give the same graph with the neighbours of every node in rising order."""
        order = np.lexsort((self.post, self.pre))
        weight = None if self.weight is None else self.weight[order]
        return Arrays(self.begins, self.post[order], weight, self.directed)


def by_number(a: np.ndarray, n: int) -> np.ndarray:
    """Order numbers below n stably: a counting sort, in a fifth of `argsort`'s time on millions.  Shape: (E,) -> (E,).

    Example:
        >>> by_number(np.array([1, 0, 1]), 2).tolist()
        [1, 0, 2]
    """
    rows = sp.csr_array((np.ones(len(a), np.bool_), a, np.arange(len(a) + 1)), shape=(len(a), n))
    found: np.ndarray = rows.tocsc().indices
    return found


def _both_directions(
    pre: np.ndarray, post: np.ndarray, weight: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """List each edge in both directions, one after the other, and loops once."""
    twice = np.repeat(np.arange(len(pre)), np.where(pre == post, 1, 2))
    back = np.zeros(len(twice), bool)
    back[1:] = twice[1:] == twice[:-1]
    first, second = np.where(back, post[twice], pre[twice]), np.where(back, pre[twice], post[twice])
    return first, second, None if weight is None else weight[twice]
