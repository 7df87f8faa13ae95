"""Mixing: which nodes are linked with which."""

import numpy as np

from circuitgraph.graphs.arrays import Arrays
from circuitgraph.graphs.degrees import Side, degrees


def assortativity(x: np.ndarray, y: np.ndarray) -> float:
    """Correlate what stands at the pre ends of edges with what stands at their post ends; NaN where nothing varies.

    Newman (2003), equation 26.  Shape: (E,), (E,).

    Example:
        >>> assortativity(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0]))
        1.0
    """
    if not len(x):
        return float("nan")
    x, y = x - x.mean(), y - y.mean()
    spread = float((x @ x) * (y @ y))
    return float(x @ y) / spread**0.5 if spread > 0 else float("nan")


def neighbour_degrees(a: Arrays, source: Side = "out", target: Side = "out") -> np.ndarray:
    """Average the target degrees of every node's neighbours along its source edges, weighted by the edges.

    0 where a node has no source degree.  Barrat et al. (2004).  Shape: (N,).

    Example:
        >>> neighbour_degrees(Arrays.from_edges(3, np.array([0, 1]), np.array([1, 2]), directed=False)).tolist()
        [2.0, 1.0, 2.0]
    """
    total = np.zeros(a.n)
    degree = degrees(a, target)
    if not a.directed or "out" in source:
        total += along(a, degree)
    if a.directed and "in" in source:
        total += along(a.turned, degree)
    norm = degrees(a, source, weighted=True).astype(float)
    return np.divide(total, norm, out=np.zeros(a.n), where=norm != 0)


def along(a: Arrays, value: np.ndarray) -> np.ndarray:
    """Sum over every node's edges weight times value at the other end.  Shape: (N,) -> (N,)."""
    there = value[a.post].astype(np.float64)
    return np.bincount(a.pre, there if a.weight is None else there * a.weight, a.n)


def mixed(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count pairs of codes, in the order in which they first appear.  Shape: (E,), (E,) -> (P,) three times.

    Example:
        >>> [part.tolist() for part in mixed(np.array([1, 0, 1]), np.array([0, 0, 0]))]
        [[1, 0], [0, 0], [2, 1]]
    """
    key = x.astype(np.int64) * (int(y.max()) + 1 if len(y) else 1) + y
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.diff(key[order], prepend=-1))
    count = np.diff(starts, append=len(key))
    first = order[starts]
    appear = np.argsort(first)
    return x[first[appear]], y[first[appear]], count[appear]
