"""Shortest paths: single searches, and sums over all of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from circuitgraph.errors import NumericError
from circuitgraph.graphs import loops_paths
from circuitgraph.graphs.arrays import Arrays
from circuitgraph.graphs.threads import each, parts


@dataclass(frozen=True, eq=False)
class Search:
    """What a search has reached: nodes in its order, and for all nodes the distance and the node before.

    Shape: order (R,); distance (N,), of what was not reached -1 or infinity; before (N,), -1 for sources and the rest.
    """

    order: np.ndarray
    distance: np.ndarray
    before: np.ndarray

    def path(self, node: int) -> list[int]:
        """Give the way from a source to a node that was reached."""
        way = [node]
        while self.before[way[-1]] >= 0:
            way.append(int(self.before[way[-1]]))
        return way[::-1]


def breadth_first(a: Arrays, sources: np.ndarray, limit: int | None = None) -> Search:
    """Search from sources, nearest first, along edges, no further than limit steps.

    Example:
        >>> found = breadth_first(Arrays.from_edges(3, np.array([0, 1]), np.array([1, 2])), np.array([0]))
        >>> found.order.tolist(), found.distance.tolist(), found.path(2)
        ([0, 1, 2], [0, 1, 2], [0, 1, 2])
    """
    order, via, level = loops_paths.breadth_first(a.begins, a.post, sources, a.n if limit is None else limit)
    return Search(order, level, _before(a, via))


def depth_first(a: Arrays, sources: np.ndarray, limit: int | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Search from each source that is not reached yet as deep as possible first.

    Gives nodes in preorder, in postorder, and for all nodes the one before.  Shape: (R,), (R',), (N,).

    Example:
        >>> depth_first(Arrays.from_edges(3, np.array([0, 1]), np.array([1, 2])), np.array([0]))[1].tolist()
        [2, 1, 0]
    """
    limit = max(1, a.n) if limit is None else limit
    preorder, postorder, via = loops_paths.depth_first(a.begins, a.post, sources, limit)
    return preorder, postorder, _before(a, via)


def shortest(a: Arrays, source: int, target: int) -> list[int]:
    """Give one path of fewest edges, found from both ends; nothing if there is none.

    Example:
        >>> shortest(Arrays.from_edges(3, np.array([0, 1]), np.array([1, 2])), 0, 2)
        [0, 1, 2]
    """
    back = a.turned
    middle, before, after = loops_paths.meet(a.begins, a.post, back.begins, back.post, source, target)
    way, at = [], middle
    while at >= 0:
        way.append(int(at))
        at = before[at]
    way.reverse()
    at = after[middle] if middle >= 0 else -1
    while at >= 0:
        way.append(int(at))
        at = after[at]
    return way


def dijkstra(a: Arrays, sources: np.ndarray, *, target: int = -1, cutoff: float = np.inf) -> Search:
    """Search from sources by the sum of weights, up to a target or a distance (Dijkstra, 1959).

    Raises:
        NumericError: a way gets shorter by going on, as along negative weights.

    Example:
        >>> a = Arrays.from_edges(3, np.array([0, 0, 1]), np.array([1, 2, 2]), np.array([1.0, 5.0, 1.0]))
        >>> found = dijkstra(a, np.array([0]))
        >>> found.distance.tolist(), found.path(2)
        ([0.0, 1.0, 2.0], [0, 1, 2])
    """
    weight = np.ones(len(a.post)) if a.weight is None else a.weight
    order, via, distance, negative = loops_paths.dijkstra(a.begins, a.post, weight, sources, target, cutoff)
    if negative:
        raise NumericError("dijkstra: a way gets shorter by going on; are there negative weights?")
    return Search(order, distance, _before(a, via))


def _before(a: Arrays, via: np.ndarray) -> np.ndarray:
    found = np.full(a.n, -1)
    found[via >= 0] = a.pre[via[via >= 0]]
    return found


@dataclass(frozen=True, eq=False)
class Sweep:
    """What the searches from all nodes have found: nodes reached, itself too, and distances along edges.

    Shape: reached, total, farthest, inverse (N,).
    """

    reached: np.ndarray
    total: np.ndarray
    farthest: np.ndarray
    inverse: np.ndarray


def sweep(a: Arrays, sources: Sequence[int] | None = None) -> Sweep:
    """Search from every node, or from those given, by number of edges or, of a weighted graph, by sums of weights.

    Raises:
        NumericError: as `dijkstra`.

    Example:
        >>> sweep(Arrays.from_edges(3, np.array([0, 1]), np.array([1, 2]))).total.tolist()
        [3.0, 1.0, 0.0]
    """
    given = np.arange(a.n) if sources is None else np.array(sources, np.int64)
    if a.weight is None:
        runs = parts(np.ones(len(given)))
        found = np.concatenate(each(loops_paths.sweep, [(a.begins, a.post, given[low:high]) for low, high in runs]))
    else:
        found = np.array([_summary(dijkstra(a, given[k : k + 1])) for k in range(len(given))]).reshape(-1, 4)
    return Sweep(*found.T)


def _summary(found: Search) -> tuple[float, float, float, float]:
    distance = found.distance[found.order]
    beyond = distance[distance != 0]
    return len(distance), sum(distance.tolist()), float(distance.max()), sum((1 / beyond).tolist())
