"""Degrees and what follows from them alone."""

from typing import Literal

import numpy as np
import scipy.sparse as sp

from circuitgraph.graphs.arrays import Arrays

Side = Literal["in", "out", "in+out"]


def degrees(a: Arrays, side: Side = "in+out", *, weighted: bool = False) -> np.ndarray:
    """Count every node's edges, or sum their weights; a loop of an undirected graph counts twice.

    Of an undirected graph all sides are the same.  Shape: (N,) int64, or float64 if weighted.

    Example:
        >>> path = Arrays.from_edges(3, np.array([0, 1]), np.array([1, 2]))
        >>> degrees(path, "out").tolist(), degrees(path).tolist()
        ([1, 1, 0], [1, 2, 1])
    """
    weight = a.weight if weighted else None
    if not a.directed:
        loop = a.pre == a.post
        return _out(a, weight) + _sums(a.pre[loop], None if weight is None else weight[loop], a.n)
    if side == "out":
        return _out(a, weight)
    into = a.heard.copy() if weight is None else _sums(a.post, weight, a.n)
    return into if side == "in" else _out(a, weight) + into


def _out(a: Arrays, weight: np.ndarray | None) -> np.ndarray:
    return np.diff(a.begins) if weight is None else _sums(a.pre, weight, a.n)


def _sums(where: np.ndarray, weight: np.ndarray | None, n: int) -> np.ndarray:
    return np.bincount(where, weight, n) if weight is not None else np.bincount(where, minlength=n)


def n_loops(a: Arrays) -> int:
    """Count the edges from a node to itself."""
    return int((a.pre == a.post).sum())


def reciprocity(a: Arrays) -> np.ndarray:
    """Give each node's share of edges, in and out, that are answered; NaN where it has none; of a directed graph.

    A loop answers itself: it counts as one edge in and one out.  Shape: (N,).

    Example:
        >>> reciprocity(Arrays.from_edges(3, np.array([0, 1, 1]), np.array([1, 0, 2]))).tolist()
        [1.0, 0.6666666666666666, 0.0]
    """
    total = degrees(a)
    with np.errstate(invalid="ignore"):
        found: np.ndarray = 2 * np.bincount(a.pre[answered(a)], minlength=a.n) / total
    return found


def answered(a: Arrays) -> np.ndarray:
    """Tell of every edge whether there is one back; a loop is its own.  Shape: (E,) bool."""
    place = sp.csr_array((np.arange(1, len(a.post) + 1), a.post, a.begins), shape=(a.n, a.n))
    back = sp.csr_array((np.ones(len(a.post), np.int64), a.post, a.begins), shape=(a.n, a.n)).T.tocsr()
    found = np.zeros(len(a.post), bool)
    found[(place * back).data - 1] = True
    return found


def rich_club(a: Arrays) -> np.ndarray:
    """Give, for every k, how many of the pairs of nodes of more than k edges are linked, of an undirected graph.

        phi[k] = 2 E[k] / (N[k] (N[k] - 1))

    up to the last k that leaves two nodes; loops are not thought of.  Zhou and Mondragón (2004).  Shape: (K,).

    Example:
        >>> rich_club(Arrays.from_edges(4, np.array([0, 0, 0, 1]), np.array([1, 2, 3, 2]), directed=False)).tolist()
        [0.6666666666666666, 1.0]
    """
    degree = degrees(a)
    if not len(a.post):
        return np.zeros(0)
    once = a.pre < a.post
    lesser = np.minimum(degree[a.pre[once]], degree[a.post[once]])
    size = int(degree.max()) + 1
    nodes = a.n - np.cumsum(np.bincount(degree, minlength=size))
    edges = len(lesser) - np.cumsum(np.bincount(lesser, minlength=size))
    nodes = nodes[nodes > 1].astype(float)
    found: np.ndarray = 2 * edges[: len(nodes)] / (nodes * (nodes - 1))
    return found


def s_metric(a: Arrays) -> float:
    """Sum, over all edges, the product of the degrees of their ends (Li et al., 2005).

    Example:
        >>> s_metric(Arrays.from_edges(3, np.array([0, 1]), np.array([1, 2]), directed=False))
        4.0
    """
    degree = degrees(a).astype(float)
    once = slice(None) if a.directed else a.pre <= a.post
    return float(degree[a.pre[once]] @ degree[a.post[once]])
