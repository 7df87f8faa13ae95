"""Orders: graphs without cycles, and with what period they come back."""

import numpy as np

from circuitgraph.graphs.arrays import Arrays
from circuitgraph.graphs.degrees import degrees
from circuitgraph.graphs.loops_orders import peel
from circuitgraph.graphs.paths import breadth_first


def generations(a: Arrays) -> tuple[list[np.ndarray], bool]:
    """List nodes whose edges in all come from earlier lists, and tell whether that is all of them: no cycle.

    Kahn (1962).  Shape: lists of (.,).

    Example:
        >>> found, acyclic = generations(Arrays.from_edges(3, np.array([0, 1]), np.array([2, 2])))
        >>> [part.tolist() for part in found], acyclic
        ([[0, 1], [2]], True)
    """
    order, ends = peel(a.begins, a.post, degrees(a, "in"))
    return np.split(order, ends[:-1]) if len(ends) else [], len(order) == a.n


def period(a: Arrays) -> int:
    """Give the greatest common divisor of the lengths of all cycles of a strongly connected graph.

    Jarvis and Shier (1996).

    Example:
        >>> period(Arrays.from_edges(3, np.arange(3), np.array([1, 2, 0])))
        3
    """
    level = breadth_first(a, np.array([0])).distance
    return int(np.gcd.reduce(np.abs(level[a.pre] - level[a.post] + 1), initial=0))
