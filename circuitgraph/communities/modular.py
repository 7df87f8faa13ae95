"""Louvain and Leiden: communities of high modularity, through networkit."""

from typing import Any

import numpy as np

from circuitgraph.communities.graph import Graph, connect, positive
from circuitgraph.communities.moves import climb
from circuitgraph.communities.partition import Partition
from circuitgraph.communities.quality import check_resolution, score
from circuitgraph.errors import CircuitGraphError


class MissingEngineError(CircuitGraphError, ImportError):
    """A library that a method needs is not installed."""


def louvain(a: Any, *, resolution: float = 1.0, rng: int | np.random.Generator = 0) -> Partition:
    """Find communities of high modularity by moving nodes and merging communities (Blondel et al., 2008).

    An undirected graph without negative weights is networkit's alone.  Else what networkit finds on the positive part
    of A + A^T is the start from which nodes and communities move while the exact `modularity` rises, with directions
    and signs.  In the end communities are split into the parts that positive edges hold together: none is in pieces.

    Networkit works on one thread here, so that the same rng gives the same communities; it is reseeded.

    Shape: a (N, N), a[i, j] the weight of the edge i -> j.

    Raises:
        ShapeError: for a matrix that is not square.
        NumericError: for weights that are not finite, or a resolution that is not a positive number.
        MissingEngineError: where networkit is not installed.

    Example:
        >>> two_triangles = np.kron(np.eye(2), 1 - np.eye(3))
        >>> louvain(two_triangles)
        Partition(labels=[0, 0, 0, 1, 1, 1], method='louvain', modularity=0.5)
    """
    return _optimise(a, "louvain", resolution, rng)


def leiden(a: Any, *, resolution: float = 1.0, rng: int | np.random.Generator = 0) -> Partition:
    """Find communities of high modularity by the Leiden algorithm (Traag, Waltman and van Eck, 2019).

    It refines communities before it merges them, which `louvain` does not.  Graphs, arguments, errors and the promise
    that no community is in pieces are those of `louvain`.

    Example:
        >>> camps = np.kron(2 * np.eye(2) - 1, np.ones((2, 2)))
        >>> leiden(camps).labels.tolist()
        [0, 0, 1, 1]
    """
    return _optimise(a, "leiden", resolution, rng)


def _optimise(a: Any, method: str, resolution: float, rng: int | np.random.Generator) -> Partition:
    graph, resolution = Graph.read(a, method), check_resolution(resolution, method)
    rng = np.random.default_rng(rng)
    labels = _networkit(positive(graph.both_ways), method, resolution, int(rng.integers(2**31)))
    if graph.directed or graph.signed:
        labels = climb(graph, labels, resolution, rng)
    labels = connect(graph, labels)
    return Partition(labels, method=method, modularity=score(graph, labels, resolution))


def _networkit(matrix: Any, method: str, resolution: float, seed: int) -> np.ndarray:
    """Run one of networkit's methods on a symmetric matrix without negative weights.  Shape: (N, N) -> (N,)."""
    nk, n = _engine(), matrix.shape[0]
    if not matrix.nnz:
        return np.arange(n)
    threads = nk.getMaxNumberOfThreads()
    nk.setNumberOfThreads(1)
    try:
        nk.setSeed(seed, False)
        graph = nk.GraphFromCoo(_upper(matrix), n=n, weighted=True)
        if method == "leiden":
            found = nk.community.ParallelLeiden(graph, gamma=resolution).run()
        else:
            found = nk.community.PLM(graph, gamma=resolution, par="none randomized").run()
        labels = np.array(found.getPartition().getVector(), np.int64)
    finally:
        nk.setNumberOfThreads(threads)
    return np.unique(labels, return_inverse=True)[1]


def _upper(matrix: Any) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """List each undirected edge once; one from a node to itself stands on the diagonal with twice its weight."""
    pre = np.repeat(np.arange(matrix.shape[0], dtype=matrix.indices.dtype), np.diff(matrix.indptr))
    once = matrix.indices >= pre
    pre, post = pre[once].astype(np.uint64), matrix.indices[once].astype(np.uint64)
    return np.where(pre == post, 0.5, 1.0) * matrix.data[once], (pre, post)


def _engine() -> Any:
    try:
        import networkit
    except ImportError as error:
        mend = "pip install circuitgraph-nn[communities], or use spectral(), which needs no engine"
        raise MissingEngineError(f"louvain, leiden and lfr: networkit is not installed; {mend}") from error
    return networkit
