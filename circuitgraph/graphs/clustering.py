"""Clustering: how often two neighbours of a node are linked with each other."""

from collections.abc import Sequence
from itertools import permutations

import numpy as np

from circuitgraph.graphs.arrays import Arrays
from circuitgraph.graphs.loops_triangles import squares
from circuitgraph.graphs.pairs import around, codes_of, pairs, pulls, triangles_of
from circuitgraph.graphs.threads import each, parts


def _transitive(code: int) -> int:
    """Count the ways to name three nodes so that i -> j, j -> k and i -> k.  The code is that of `codes_of`."""
    uv, uw, vw = code & 3, code >> 2 & 3, code >> 4
    there, back = {(0, 1): uv, (0, 2): uw, (1, 2): vw}, {(1, 0): uv, (2, 0): uw, (2, 1): vw}
    edges = {p for p, link in there.items() if link & 1} | {p for p, link in back.items() if link & 2}
    return sum((i, j) in edges and (j, k) in edges and (i, k) in edges for i, j, k in permutations(range(3)))


_TRANSITIVE = np.array([_transitive(code) for code in range(64)])


def triangles(a: Arrays, nodes: Sequence[int] | None = None) -> np.ndarray:
    """Count the triangles of all nodes, or of some; direction is not asked for.

    Shape: nodes (M,) -> (N,) or (M,) int64.

    Example:
        >>> triangles(Arrays.from_edges(4, np.array([0, 1, 2, 3]), np.array([1, 2, 0, 0]), directed=False)).tolist()
        [1, 1, 1, 0]
    """
    if nodes is not None:
        part, where = around(a, nodes)
        return triangles(part)[where]
    linked = pairs(a)
    linked.data[:] = 1
    return np.rint(triangles_of(linked)).astype(np.int64)


def clustering(a: Arrays, nodes: Sequence[int] | None = None) -> np.ndarray:
    """Give the clustering coefficient of all nodes, or of some; 0 where there is no triangle.

        undirected:  c[i] = 2 T[i] / (k[i] (k[i] - 1))
        directed:    c[i] = 2 T[i] / (2 (d[i] (d[i] - 1) - 2 b[i]))

    T[i] sums, over the triangles of i, the product of its three pairs.  A pair counts 1 for each of its directions or,
    of a weighted graph, the cube root of the weight over the largest weight.  k counts neighbours, d edges in and out,
    b neighbours in both directions.  Watts and Strogatz (1998); Onnela et al. (2005); Fagiolo (2007).

    Shape: nodes (M,) -> (N,) or (M,).

    Example:
        >>> clustering(Arrays.from_edges(3, np.array([0, 1, 2]), np.array([1, 2, 0]))).tolist()
        [0.5, 0.5, 0.5]
    """
    largest = float(a.weight.max()) if a.weight is not None and len(a.weight) else 1.0
    if nodes is not None:
        part, where = around(a, nodes)
        return _coefficients(part, largest)[where]
    return _coefficients(a, largest)


def _coefficients(a: Arrays, largest: float) -> np.ndarray:
    linked = pairs(a)
    both = np.diff(np.concatenate([[0], np.cumsum(linked.data == 3)])[linked.indptr])
    degree = np.diff(linked.indptr) + (both if a.directed else 0)
    possible = 2.0 * (degree * (degree - 1) - 2 * both) if a.directed else degree * (degree - 1.0)
    total = 2 * triangles_of(pulls(a, largest))
    found: np.ndarray = np.divide(total, possible, out=np.zeros(a.n), where=total != 0)
    return found


def transitivity(a: Arrays) -> float:
    """Give the share of two edges from one node whose ends are linked, too; 0 without a triangle.

    Of a directed graph: among nodes with i -> j and i -> k, how often there is j -> k.

    Example:
        >>> transitivity(Arrays.from_edges(4, np.array([0, 1, 2, 3]), np.array([1, 2, 0, 0]), directed=False))
        0.6
    """
    linked = pairs(a)
    closed = int(codes_of(linked) @ _TRANSITIVE)
    out = np.diff(np.concatenate([[0], np.cumsum(linked.data & 1)])[linked.indptr])
    return closed / int((out * (out - 1)).sum()) if closed else 0.0


def square_clustering(a: Arrays) -> np.ndarray:
    """Give the share of possible squares at every node that exist; direction is not asked for.

    Lind, González and Herrmann (2005).  Shape: (N,).

    Example:
        >>> ring = np.arange(4)
        >>> square_clustering(Arrays.from_edges(4, ring, (ring + 1) % 4, directed=False)).tolist()
        [1.0, 1.0, 1.0, 1.0]
    """
    linked = pairs(a)
    begins, post = linked.indptr.astype(np.int64), linked.indices
    steps = np.concatenate([[0], np.cumsum(np.diff(begins)[post] + 1)])
    runs = parts(np.diff(steps[begins]))
    found = np.concatenate([np.zeros((0, 2)), *each(squares, [(begins, post, low, high) for low, high in runs])])
    return np.divide(found[:, 0], found[:, 1], out=np.zeros(a.n), where=found[:, 1] > 0)
