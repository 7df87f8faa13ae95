"""Spectral communities, down to the threshold below which nothing can know them."""

import math
from typing import Any

import numpy as np

from circuitgraph.communities.bethe import Bethe
from circuitgraph.communities.graph import Graph
from circuitgraph.communities.partition import Partition
from circuitgraph.communities.quality import score
from circuitgraph.errors import ShapeError
from circuitgraph.ir.shape import is_integer

FIRST = 6
"""Eigenvalues asked for at first; more as long as all of them tell something."""
PLENTY = 24
"""From here on a third more at a time, because those in the bulk, close to each other, cost most."""
STARTS = 10


def spectral(a: Any, n_communities: int | None = None, *, rng: int | np.random.Generator = 0) -> Partition:
    """Find communities by the Bethe-Hessian's leading eigenvectors and k-means.

    It finds groups that are denser within than between as soon as anything can (Saade, Krzakala and Zdeborová, 2014),
    where `louvain` and `leiden` return noise, and finds one community where there are none: their number is that of
    eigenvalues beyond the `edge` that a random graph's would reach.  Eigenvectors are taken where the weakest of them
    does not depend on degrees, and their rows scaled to length one (Dall'Amico, Couillet and Tremblay, 2019), so that
    nodes of many and of few edges are told apart by their community alone.

    Weights count as couplings (Dall'Amico, Couillet and Tremblay, 2021): strong edges tell more, negative ones keep
    nodes apart.  Of a directed graph A + A^T is taken: groups are those with many edges among them in either direction,
    and edges in both directions count twice.  Made for sparse graphs; in dense ones, weak communities may be missed.
    Nearest to the threshold their number is the first to be lost: at a signal (see `planted`) of 1.2, of 20,000 nodes
    in four communities, two to five graphs in ten show too few, which costs overlap; give the number if you know it.
    Groups with more edges between than within are not looked for, and a community may be disconnected: who has
    no edges belongs anywhere.

    Shape: a (N, N), a[i, j] the weight of the edge i -> j.  With n_communities, up to that many are given.

    Raises:
        ShapeError: for a matrix that is not square, or a number of communities that is not in 1 to N.
        NumericError: for weights that are not finite.

    Example:
        >>> spectral(np.kron(np.eye(2), 1 - np.eye(6))).counts.tolist()
        [6, 6]
    """
    graph, rng = Graph.read(a, "spectral"), np.random.default_rng(rng)
    if n_communities is not None and not (is_integer(n_communities, 1) and n_communities <= graph.n):
        got = f"got {n_communities!r}, expected 1 to {graph.n} or None"
        raise ShapeError(f"spectral: bad number of communities ({got})")
    bethe = Bethe.of(graph.both_ways)
    labels = np.zeros(graph.n, np.int64)
    if n_communities != 1 and bethe.matrix.nnz:
        labels = _find(bethe, n_communities, graph.signed, rng)
    return Partition(labels, method="spectral", modularity=score(graph, labels, 1.0))


def edge(branching: float, n: int, spread: float = 1.0) -> float:
    """Give the eigenvalue of D^-1/2 S D^-1/2 that the second one of about one random graph in a hundred exceeds.

    It tends to 1 for large graphs.  Fitted to Erdős-Rényi graphs of 250 to 4,000 nodes and 3 to 20 neighbours, whose
    second eigenvalue lies 0.5 to 1.8 times n^(-2/3) below 1, with a standard deviation of 0.4 to 0.6 times n^(-2/3).
    Where degrees are unequal it varies more: `spread` is the branching over the mean degree.

    Example:
        >>> round(edge(5.0, 1000), 4), edge(100.0, 1000)
        (1.0043, 1.0)
    """
    unequal = min(max(spread - 1, 0.0), 1.0)
    return 1 + (max(0.0, 1.2 - 0.4 * math.log(branching) - 4 * n**-0.5) + unequal) * n ** (-2 / 3)


def _find(bethe: Bethe, wanted: int | None, signed: bool, rng: np.random.Generator) -> np.ndarray:
    n, beta = bethe.matrix.shape[0], bethe.beta()
    if math.isinf(beta):
        if wanted is None:
            return np.zeros(n, np.int64)
        beta = 5 / float(np.abs(bethe.matrix.data).max())
    values, vectors = _informative(bethe, beta, wanted, rng)
    trivial = not signed or _holds_constant(vectors)
    found = wanted or len(values) + (0 if trivial else 1)
    if found < 2 or not len(values):
        return np.zeros(n, np.int64)
    if bethe.branching > 1:
        vectors = bethe.zero(values, vectors, rng)
    return _group(vectors, found, trivial, rng)


def _informative(
    bethe: Bethe, beta: float, wanted: int | None, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Give the eigenvalues beyond the edge, or as many as wanted, and their vectors."""
    n = bethe.matrix.shape[0]
    k = min(wanted or FIRST, n)
    values, vectors = bethe.leading(beta, k, rng)
    if wanted:
        return values, vectors
    bound = edge(bethe.branching, bethe.n_linked, bethe.spread)
    while values[-1] > bound and k < n:
        k = min(2 * k if k < PLENTY else k + k // 3, n)
        values, vectors = bethe.leading(beta, k, rng)
    beyond = int((values > bound).sum())
    return values[:beyond], vectors[:, :beyond]


def _holds_constant(vectors: np.ndarray) -> bool:
    """Tell whether the vectors span most of the constant one, which tells no community from another."""
    if not vectors.shape[1]:
        return False
    basis = np.linalg.qr(vectors)[0]
    return float((basis.sum(axis=0) ** 2).sum()) > len(vectors) / 2


def _group(vectors: np.ndarray, k: int, trivial: bool, rng: np.random.Generator) -> np.ndarray:
    from sklearn.cluster import KMeans

    points = vectors / np.linalg.norm(vectors, axis=0)
    if trivial:
        points[:, 0] = len(points) ** -0.5
    length = np.linalg.norm(points, axis=1, keepdims=True)
    points = np.divide(points, length, out=np.zeros_like(points), where=length > 0)
    distinct = min(k, len(np.unique(points.round(9), axis=0)))
    found: np.ndarray = KMeans(distinct, n_init=STARTS, random_state=int(rng.integers(2**31))).fit_predict(points)
    return found.astype(np.int64)
