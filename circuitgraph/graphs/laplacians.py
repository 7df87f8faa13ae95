"""Laplacians and other matrices of a graph."""

from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg

from circuitgraph.errors import NumericError
from circuitgraph.graphs.arrays import Arrays
from circuitgraph.graphs.components import strong
from circuitgraph.graphs.orders import period

Walk = Literal["random", "lazy", "pagerank"]


def laplacian(matrix: Any) -> Any:
    """Give D - A with D the row sums.  Shape: (N, N) sparse.

    Example:
        >>> laplacian(sp.csr_array([[0, 1], [1, 0]])).toarray().tolist()
        [[1, -1], [-1, 1]]
    """
    return sp.csr_array(_diagonal(matrix.sum(axis=1)) - matrix)


def normalized_laplacian(matrix: Any) -> Any:
    """Give D^-1/2 (D - A) D^-1/2; rows of no weight are zero (Chung, 1997).  Shape: (N, N) sparse.

    Example:
        >>> normalized_laplacian(sp.csr_array([[0, 2], [2, 0]])).toarray().round(9).tolist()
        [[1.0, -1.0], [-1.0, 1.0]]
    """
    with np.errstate(divide="ignore"):
        root = 1.0 / np.sqrt(matrix.sum(axis=1))
    root[np.isinf(root)] = 0
    half = _diagonal(root)
    return half @ (laplacian(matrix) @ half)


def transitions(a: Arrays, matrix: Any, walk: Walk | None = None, alpha: float = 0.95) -> Any:
    """Give the chances of a walker's steps; if not said, random where that has a limit, else lazy, else pagerank.

    Raises:
        NumericError: a walk of another name, or an alpha that is not between 0 and 1.

    Shape: (N, N), sparse or dense.

    Example:
        >>> pair = Arrays.from_edges(2, np.array([0, 1]), np.array([1, 0]))
        >>> transitions(pair, pair.matrix).toarray().tolist()
        [[0.5, 0.5], [0.5, 0.5]]
    """
    if walk is None:
        walk = "pagerank" if strong(a).count != 1 else "random" if period(a) == 1 else "lazy"
    n, matrix = a.n, matrix.astype(float)
    if walk in ("random", "lazy"):
        with np.errstate(divide="ignore"):
            steps = _diagonal(1.0 / matrix.sum(axis=1)) @ matrix
        return steps if walk == "random" else (sp.eye_array(n, format="csr") + steps) / 2.0
    if walk != "pagerank":
        raise NumericError("walk_type must be random, lazy, or pagerank")
    if not 0 < alpha < 1:
        raise NumericError("alpha must be between 0 and 1")
    dense = matrix.toarray()
    dense[dense.sum(axis=1) == 0] = 1 / n
    return alpha * dense / dense.sum(axis=1)[:, np.newaxis] + (1 - alpha) / n


def stationary(steps: Any) -> np.ndarray:
    """Give the left eigenvector of the largest eigenvalue of a walk, of sum 1.  Shape: (N, N) -> (N,)."""
    _, vectors = scipy.sparse.linalg.eigs(steps.T, k=1)
    leading = vectors.flatten().real
    found: np.ndarray = leading / leading.sum()
    return found


def directed_laplacian(steps: Any) -> np.ndarray:
    """Give I - (P^1/2 W P^-1/2 + its transpose) / 2 of a walk W with stationary chances P (Chung, 2005).

    Shape: (N, N) -> (N, N).
    """
    root = np.sqrt(np.abs(stationary(steps)))
    scaled = _diagonal(root) @ steps @ _diagonal(1.0 / root)
    return np.asarray(np.identity(len(root)) - (scaled + scaled.T) / 2.0)


def directed_combinatorial_laplacian(steps: Any) -> np.ndarray:
    """Give P - (P W + W^T P) / 2 of a walk W with stationary chances P (Chung, 2005).  Shape: (N, N) -> (N, N)."""
    flow = np.diag(stationary(steps))
    return np.asarray(flow - (flow @ steps + steps.T @ flow) / 2.0)


def _diagonal(values: np.ndarray) -> Any:
    return sp.diags_array(values, format="csr", dtype=values.dtype)
