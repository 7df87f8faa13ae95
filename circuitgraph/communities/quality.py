"""How good a partition is: modularity of the graph itself, agreement with another partition."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix

from circuitgraph.communities.graph import Graph, positive, read_labels
from circuitgraph.communities.loops import weight_within
from circuitgraph.errors import NumericError, ShapeError


def modularity(a: Any, labels: Any, resolution: float = 1.0) -> float:
    """Compare the weight within communities with what it would be if only each node's strength counted.

        Q = 1/(m+ + m-) sum over i, j in one community of
                A[i,j] - resolution * (out+[i] in+[j] / m+  -  out-[i] in-[j] / m-)

    m+ and out+, in+ are the sum of all, of a row's and of a column's positive entries, those with - of the negative
    entries' absolute values.  Of an undirected graph (A symmetric) it is the modularity of Newman and Girvan (2004), of
    a directed one that of Leicht and Newman (2008), of a signed one that of Gómez, Jensen and Arenas (2009), with the
    resolution of Reichardt and Bornholdt (2006).  An undirected edge from a node to itself stands on the diagonal with
    twice its weight.  Without edges it is 0.

    Shape: a (N, N), labels (N,) or a `Partition`.

    Raises:
        ShapeError: for a matrix that is not square, or labels that do not fit.
        NumericError: for weights that are not finite, or a resolution that is not a positive number.

    Example:
        >>> two_pairs = np.kron(np.eye(2), [[0, 1], [1, 0]])
        >>> modularity(two_pairs, [0, 0, 1, 1])
        0.5
    """
    graph = Graph.read(a, "modularity")
    return score(graph, read_labels(labels, "modularity", graph.n), check_resolution(resolution, "modularity"))


def score(graph: Graph, labels: np.ndarray, resolution: float) -> float:
    """Give the modularity of a graph that was read already."""
    place = np.unique(labels, return_inverse=True)[1]
    total = expected = 0.0
    for sign, out, into, m in strengths(graph):
        total += m
        expected += sign * float(np.bincount(place, out) @ np.bincount(place, into)) / m
    a = graph.matrix
    within = weight_within(a.indptr, a.indices, a.data, place)
    return float(within - resolution * expected) / total if total else 0.0


def strengths(graph: Graph) -> Iterator[tuple[int, np.ndarray, np.ndarray, float]]:
    """Give sign, sums of rows, of columns and of all, for the positive and for the negative part, where it is there."""
    for sign in (1, -1):
        part = positive(sign * graph.matrix) if graph.signed else graph.matrix
        if part.nnz and (sign > 0 or graph.signed):
            out = part.sum(axis=1)
            yield sign, out, part.sum(axis=0) if graph.directed else out, float(out.sum())


def check_resolution(resolution: float, where: str) -> float:
    """Let finite positive numbers pass."""
    if not (isinstance(resolution, int | float | np.floating | np.integer) and 0 < resolution < np.inf):
        raise NumericError(f"{where}: bad resolution (got {resolution!r}, expected a positive number)")
    return float(resolution)


def nmi(a: Any, b: Any) -> float:
    """Measure how much two partitions tell of each other: mutual information over the mean of their entropies.

    Shape: labels (N,) or `Partition`, twice.  1 for equal partitions; not corrected for chance: two partitions
    into many small communities agree to some extent anyhow.  Danon et al. (2005).

    Raises:
        ShapeError: for labels that are no integers, or of different lengths.

    Example:
        >>> nmi([0, 0, 1, 1], [5, 5, 2, 2])
        1.0
    """
    return float(normalized_mutual_info_score(*_pair(a, b, "nmi")))


def overlap(found: Any, truth: Any) -> float:
    """Measure which share of the nodes is placed right, beyond putting all into the largest true community.

        overlap = (best - largest) / (1 - largest)

    `best` is the share of nodes whose community agrees under the best one-to-one match of communities, `largest` the
    share of the largest true community: 1 for the truth, about 0 for a guess (Decelle, Krzakala, Moore and Zdeborová,
    2011).  Where the truth is one community, it is 1 if that is found and 0 if not.

    Shape: labels (N,) or `Partition`, twice.

    Raises:
        ShapeError: for labels that are no integers, or of different lengths.

    Example:
        >>> overlap([1, 1, 0, 0], [0, 0, 1, 1]), overlap([0, 0, 0, 1], [0, 0, 1, 1])
        (1.0, 0.5)
    """
    first, second = _pair(found, truth, "overlap")
    table = contingency_matrix(first, second)
    best = table[linear_sum_assignment(table, maximize=True)].sum() / len(first)
    largest = table.sum(axis=0).max() / len(first)
    return float((best - largest) / (1 - largest)) if largest < 1 else float(best == 1)


def _pair(a: Any, b: Any, where: str) -> tuple[np.ndarray, np.ndarray]:
    first, second = read_labels(a, where), read_labels(b, where)
    if len(first) != len(second) or not len(first):
        raise ShapeError(f"{where}: partitions of different nodes (got {len(first)} and {len(second)} labels)")
    return first, second
