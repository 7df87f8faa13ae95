"""Modularity, and the Louvain method as networkx runs it, which finds the same communities from the same seed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from circuitgraph.graphs.arrays import Arrays
from circuitgraph.graphs.degrees import degrees
from circuitgraph.graphs.loops_modules import settle


def modularity(a: Arrays, labels: np.ndarray, resolution: float = 1.0) -> float:
    """Give the weight within communities beyond that expected from strengths, as a share of all weight.

        directed:    Q = sum over c of  L[c] / m - resolution out[c] in[c] / m^2
        undirected:  Q = sum over c of  L[c] / m - resolution (k[c] / (2 m))^2

    A loop adds its weight once to L and m, and twice to the k of an undirected graph.  Newman (2004), Leicht and Newman
    (2008).  Shape: labels (N,) integers from 0.

    Raises:
        ZeroDivisionError: no weight at all.

    Example:
        >>> pair = Arrays.from_edges(4, np.array([0, 2]), np.array([1, 3]), directed=False)
        >>> modularity(pair, np.array([0, 0, 1, 1]))
        0.5
    """
    weight = np.ones(len(a.post)) if a.weight is None else a.weight
    within = weight[labels[a.pre] == labels[a.post]].sum()
    if not a.directed:
        loops = weight[a.pre == a.post].sum()
        within, total = within + loops, weight.sum() + loops
    else:
        total = weight.sum()
    out = np.bincount(labels, degrees(a, "out", weighted=True))
    into = np.bincount(labels, degrees(a, "in", weighted=True)) if a.directed else out
    return float(within) / float(total) - resolution * float(out @ into) / float(total) ** 2


@dataclass(frozen=True, eq=False)
class _Level:
    # A graph of communities: rows as networkx would list them, degrees, and the neighbours that louvain visits.
    a: Arrays
    out: np.ndarray
    into: np.ndarray
    near: Arrays

    @classmethod
    def of(cls, a: Arrays) -> "_Level":
        out = degrees(a, "out", weighted=True).astype(np.float64)
        into = degrees(a, "in", weighted=True).astype(np.float64) if a.directed else out
        return cls(a, out, into, _neighbours(a))


def louvain(
    a: Arrays,
    shuffled: Callable[[int], np.ndarray],
    *,
    resolution: float = 1.0,
    threshold: float = 1e-7,
) -> Iterator[np.ndarray]:
    """Merge nodes, then communities, while modularity rises by more than a threshold; give the labels of each level.

    Nodes are visited in the order that `shuffled` gives for so many of them, and ties are decided as networkx decides
    them, so that the same shuffles give the same communities.  `circuitgraph.communities.louvain` is faster and knows
    signs.  Blondel et al. (2008).

    Shape: (N,) labels from 0, communities numbered as networkx lists them.

    Example:
        >>> two = Arrays.from_edges(4, np.array([0, 2]), np.array([1, 3]), directed=False)
        >>> [labels.tolist() for labels in louvain(two, np.arange)]
        [[0, 0, 1, 1]]
    """
    labels = np.arange(a.n)
    if not len(a.post):
        yield labels
        return
    graph = _Level.of(a if a.directed else inserted(a))
    m = float(graph.out.sum()) / (1 if a.directed else 2)
    before, first = modularity(a, labels, resolution), True
    while True:
        found, moved = _settled(graph, m, resolution, shuffled(graph.a.n))
        if not (moved or first):
            return
        labels, first = found[labels], False
        yield labels
        after = modularity(graph.a, found, resolution)
        if after - before <= threshold:
            return
        before, graph = after, _Level.of(_gathered(graph.a, found))


def inserted(a: Arrays) -> Arrays:
    """Give an undirected graph's rows as if its edges were put in as they are listed: earlier nodes come first.

    Example:
        >>> inserted(Arrays(np.array([0, 2, 3, 4]), np.array([2, 1, 0, 0]), None, False)).post.tolist()
        [2, 1, 0, 0]
    """
    order = np.lexsort((np.where(a.pre <= a.post, a.n + np.arange(len(a.post)), a.post), a.pre))
    return Arrays(a.begins, a.post[order], None if a.weight is None else a.weight[order], a.directed)


def _settled(graph: _Level, m: float, resolution: float, order: np.ndarray) -> tuple[np.ndarray, bool]:
    near = graph.near
    args = near.begins, near.post, near.weight, graph.out, graph.into, order, m, m**2, float(resolution)
    labels = settle(*args, graph.a.directed)
    kept, found = np.unique(labels, return_inverse=True)
    return found, bool((labels != np.arange(len(labels))).any() or len(kept) < len(labels))


def _neighbours(a: Arrays) -> Arrays:
    """List each node's neighbours but itself, as networkx's louvain meets them: out, then in, each once."""
    weight = np.ones(len(a.post)) if a.weight is None else a.weight
    off = a.pre != a.post
    pre, post, weight = a.pre[off].astype(np.int64), a.post[off].astype(np.int64), weight[off]
    if not a.directed:
        return Arrays.from_edges(a.n, pre, post, weight)
    by_post = np.lexsort((pre, post))
    pre, post, weight = (np.concatenate([x, y[by_post]]) for x, y in ((pre, post), (post, pre), (weight, weight)))
    return _merged(a.n, pre, post, weight, directed=True)


def _gathered(a: Arrays, labels: np.ndarray) -> Arrays:
    """Make one node of each community; rows stand in the order in which their edges are met."""
    weight = np.ones(len(a.post)) if a.weight is None else a.weight
    once = slice(None) if a.directed else a.pre <= a.post
    pre, post, weight = labels[a.pre[once]], labels[a.post[once]], weight[once]
    if not a.directed:
        twice = np.repeat(np.arange(len(pre)), np.where(pre == post, 1, 2))
        back = np.zeros(len(twice), bool)
        back[1:] = twice[1:] == twice[:-1]
        weight = weight[twice]
        pre, post = np.where(back, post[twice], pre[twice]), np.where(back, pre[twice], post[twice])
    return _merged(int(labels.max()) + 1, pre, post, weight, directed=a.directed)


def _merged(n: int, pre: np.ndarray, post: np.ndarray, weight: np.ndarray, *, directed: bool) -> Arrays:
    """Add up parallel entries; each row in the order of first appearance."""
    key = pre * n + post
    order = np.argsort(key, kind="stable")
    new = np.diff(key[order], prepend=-1) != 0
    total = np.bincount(np.cumsum(new) - 1, weight[order])
    first = order[new]
    rows = np.lexsort((first, pre[first]))
    first = first[rows]
    begins = np.concatenate([[0], np.cumsum(np.bincount(pre[first], minlength=n))])
    return Arrays(begins, post[first].astype(np.int32), total[rows], directed)
