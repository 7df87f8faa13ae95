"""Components: who can reach whom."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from circuitgraph.graphs.arrays import Arrays
from circuitgraph.graphs.loops_components import blocks, strong_labels, weak_labels


@dataclass(frozen=True, eq=False)
class Components:
    """A number per node; components are numbered from 0.

    Shape: labels (N,) int64.

    Example:
        >>> parts = Components(np.array([0, 1, 0]), 2)
        >>> [part.tolist() for part in parts.members]
        [[0, 2], [1]]
    """

    labels: np.ndarray
    count: int

    @cached_property
    def sizes(self) -> np.ndarray:
        """Count the nodes of each.  Shape: (C,)."""
        return np.bincount(self.labels, minlength=self.count)

    @cached_property
    def members(self) -> list[np.ndarray]:
        """List the nodes of each, rising."""
        order = np.argsort(self.labels, kind="stable")
        return np.split(order, np.cumsum(self.sizes)[:-1]) if self.count else []


def weak(a: Arrays) -> Components:
    """Find the components without regard to direction, numbered by their first nodes.

    Example:
        >>> weak(Arrays.from_edges(3, np.array([2]), np.array([0]))).labels.tolist()
        [0, 1, 0]
    """
    return Components(*weak_labels(a.begins, a.post))


def strong(a: Arrays) -> Components:
    """Find the components whose nodes all reach each other, in the order a depth-first search completes them.

    An edge between two of them leads to the one of the lower number.  Tarjan (1972).

    Example:
        >>> strong(Arrays.from_edges(3, np.array([0, 1, 1]), np.array([1, 0, 2]))).labels.tolist()
        [1, 1, 0]
    """
    return Components(*strong_labels(a.begins, a.post))


def condensed(a: Arrays, parts: Components) -> tuple[np.ndarray, np.ndarray]:
    """List the edges between different components, each once, in the order of their first edges.  Shape: (E',) twice.

    Example:
        >>> a = Arrays.from_edges(3, np.array([0, 1, 0]), np.array([1, 0, 2]))
        >>> [x.tolist() for x in condensed(a, strong(a))]
        [[1], [0]]
    """
    pre, post = parts.labels[a.pre], parts.labels[a.post]
    key = (pre * parts.count + post)[pre != post]
    order = np.argsort(key, kind="stable")
    first = np.sort(order[np.diff(key[order], prepend=-1) != 0])
    return key[first] // max(parts.count, 1), key[first] % max(parts.count, 1)


def attracting(a: Arrays, parts: Components) -> np.ndarray:
    """List the components that no edge leaves.  Shape: (C',)."""
    leaves = np.zeros(parts.count, bool)
    leaves[condensed(a, parts)[0]] = True
    return np.flatnonzero(~leaves)


@dataclass(frozen=True, eq=False)
class Blocks:
    """Edges by biconnected component, as they were walked, and articulation points as they were found.

    Shape: pre, post, label (E,) of an undirected graph without its loops; cuts (C,).
    """

    pre: np.ndarray
    post: np.ndarray
    label: np.ndarray
    cuts: np.ndarray

    @cached_property
    def groups(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """List the pre and post of each component's edges."""
        ends = np.flatnonzero(np.diff(self.label)) + 1
        return list(zip(np.split(self.pre, ends), np.split(self.post, ends), strict=True)) if len(self.pre) else []


def biconnected(a: Arrays) -> Blocks:
    """Find the parts of an undirected graph that stay in one piece whichever node is taken away.

    Example:
        >>> bow = Arrays.from_edges(5, np.array([0, 1, 2, 2, 3, 4]), np.array([1, 2, 0, 3, 4, 2]), directed=False)
        >>> biconnected(bow).cuts.tolist(), biconnected(bow).label.tolist()
        ([2], [0, 0, 0, 1, 1, 1])
    """
    edges, label, cuts = blocks(a.begins, a.post)
    _, first = np.unique(cuts, return_index=True)
    return Blocks(a.pre[edges], a.post[edges], label, cuts[np.sort(first)])


def bridges(a: Arrays) -> np.ndarray:
    """Tell of every entry of an undirected graph whether it is an edge whose loss would cut a component in two.

    Shape: (E,) bool; an edge's two entries are told the same.

    Example:
        >>> bridges(Arrays.from_edges(3, np.array([0, 1]), np.array([1, 2]), directed=False)).tolist()
        [True, True, True, True]
    """
    edges, label, _ = blocks(a.begins, a.post)
    edges, label = edges[a.pre[edges] != a.post[edges]], label[a.pre[edges] != a.post[edges]]
    alone = edges[np.bincount(label)[label] == 1]
    pre, post = a.pre[alone].astype(np.int64), a.post[alone].astype(np.int64)
    cut = np.sort(np.concatenate([pre * a.n + post, post * a.n + pre]))
    key = a.pre.astype(np.int64) * a.n + a.post
    place = np.minimum(np.searchsorted(cut, key), max(len(cut) - 1, 0))
    return cut[place] == key if len(cut) else np.zeros(len(key), bool)
