"""Betweenness: how many shortest paths lead through a node or along an edge."""

import numpy as np

from circuitgraph.graphs.arrays import Arrays
from circuitgraph.graphs.loops_between import dependencies, weighted_dependencies
from circuitgraph.graphs.threads import each, parts


def betweenness(a: Arrays, sources: np.ndarray | None = None, *, ends: bool = False) -> np.ndarray:
    """Sum over pairs (s, t) of different nodes the share of shortest paths that pass a node, all s or those given.

    Of an undirected graph every pair counts in both directions.  `ends` counts paths at their own ends, too.  Weighted
    graphs measure paths by the sum of their weights, which must not be negative.  Freeman (1977), Brandes (2001).

    Shape: sources (S,) -> (N,).

    Example:
        >>> betweenness(Arrays.from_edges(3, np.array([0, 1]), np.array([1, 2]), directed=False)).tolist()
        [0.0, 2.0, 0.0]
    """
    return _sums(a, sources, ends=ends, per_edge=False)


def edge_betweenness(a: Arrays, sources: np.ndarray | None = None) -> np.ndarray:
    """Sum in the same way what passes each entry; of an undirected graph both entries of an edge hold the sum of both.

    Shape: sources (S,) -> (E,).

    Example:
        >>> edge_betweenness(Arrays.from_edges(3, np.array([0, 1]), np.array([1, 2]), directed=False)).tolist()
        [4.0, 4.0, 4.0, 4.0]
    """
    found = _sums(a, sources, ends=False, per_edge=True)
    return found if a.directed else _both_entries(a, found)


def _sums(a: Arrays, sources: np.ndarray | None, *, ends: bool, per_edge: bool) -> np.ndarray:
    sources = np.arange(a.n) if sources is None else sources
    runs = parts(np.ones(len(sources)))
    given = [sources[low:high] for low, high in runs]
    if a.weight is None:
        found = each(dependencies, [(a.begins, a.post, s, float(ends), per_edge) for s in given])
    else:
        args = a.begins, a.post, a.weight, a.pre, a.turned.begins
        found = each(weighted_dependencies, [(*args, s, float(ends), per_edge) for s in given])
    return np.asarray(np.sum([edges if per_edge else nodes for nodes, edges in found], axis=0))


def _both_entries(a: Arrays, value: np.ndarray) -> np.ndarray:
    """Add to each entry what stands at the one of the other direction, but for loops."""
    there = np.lexsort((a.post, a.pre))
    back = np.lexsort((a.pre, a.post))
    found = value.copy()
    found[there] += np.where(a.pre == a.post, 0.0, value)[back]
    return found
