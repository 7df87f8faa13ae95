"""Ranks: how central nodes are, by eigenvectors and iteration."""

from typing import Any

import numpy as np
import scipy.sparse as sp

from circuitgraph.errors import CircuitGraphError
from circuitgraph.graphs.arrays import Arrays


class ConvergenceError(CircuitGraphError, ArithmeticError):
    """An iteration did not settle within the number of steps allowed."""


def pagerank(
    a: Arrays,
    alpha: float = 0.85,
    *,
    jump: np.ndarray | None = None,
    dangling: np.ndarray | None = None,
    start: np.ndarray | None = None,
    max_iter: int = 100,
    tol: float = 1e-6,
) -> np.ndarray:
    """Give the share of time that a walker spends at each node who follows edges, and jumps with chance 1 - alpha.

        x  <-  alpha (x P + (sum of x over nodes without a way out) dangling) + (1 - alpha) jump

    until x changes by less than N tol in sum.  Brin and Page (1998).

    Shape: jump, dangling, start (N,), each of sum 1; 1/N, `jump` and 1/N if not given -> (N,).

    Raises:
        ConvergenceError: no end within max_iter steps.

    Example:
        >>> pagerank(Arrays.from_edges(2, np.array([0, 1]), np.array([1, 0]))).tolist()
        [0.5, 0.5]
    """
    n, matrix = a.n, a.matrix
    total = matrix.sum(axis=1)
    share = np.divide(1.0, total, out=np.zeros(n), where=total != 0)
    stuck = np.flatnonzero(share == 0)
    jump = np.full(n, 1.0 / n) if jump is None else jump
    dangling = jump if dangling is None else dangling
    x, turned = np.full(n, 1.0 / n) if start is None else start, matrix.T
    for _ in range(max_iter):
        last = x
        x = alpha * (turned @ (share * x) + x[stuck].sum() * dangling) + (1 - alpha) * jump
        if np.abs(x - last).sum() < n * tol:
            return x
    raise ConvergenceError(f"pagerank: not settled (got {max_iter} steps); raise max_iter or tol")


def eigenvector(a: Arrays, *, start: np.ndarray | None = None, max_iter: int = 100, tol: float = 1e-6) -> np.ndarray:
    """Give the leading left eigenvector of I + A, of length 1, by iteration (Bonacich, 1972).  Shape: (N,).

    Raises:
        ConvergenceError: no end within max_iter steps.

    Example:
        >>> eigenvector(Arrays.from_edges(2, np.array([0, 1]), np.array([1, 0]))).round(6).tolist()
        [0.707107, 0.707107]
    """
    start = np.ones(a.n) if start is None else start
    x, turned = start / start.sum(), a.matrix.T
    for _ in range(max_iter):
        last = x
        x = last + turned @ last
        x = x / (np.linalg.norm(x) or 1.0)
        if np.abs(x - last).sum() < a.n * tol:
            return x
    raise ConvergenceError(f"eigenvector: not settled (got {max_iter} steps); raise max_iter or tol")


def katz(
    a: Arrays,
    alpha: float = 0.1,
    *,
    beta: np.ndarray | float = 1.0,
    start: np.ndarray | None = None,
    max_iter: int = 1000,
    tol: float = 1e-6,
) -> np.ndarray:
    """Solve x = alpha A^T x + beta by iteration (Katz, 1953).  Shape: beta, start (N,) -> (N,).

    Raises:
        ConvergenceError: no end within max_iter steps, as where alpha exceeds the inverse of A's spectral radius.

    Example:
        >>> katz(Arrays.from_edges(2, np.array([0]), np.array([1]))).tolist()
        [1.0, 1.1]
    """
    x, turned = np.zeros(a.n) if start is None else start, a.matrix.T
    for _ in range(max_iter):
        last = x
        x = alpha * (turned @ last) + beta
        if np.abs(x - last).sum() < a.n * tol:
            return x
    raise ConvergenceError(f"katz: not settled (got {max_iter} steps); lower alpha, or raise max_iter or tol")


def katz_solved(a: Arrays, alpha: float, beta: np.ndarray) -> np.ndarray:
    """Solve x = alpha A^T x + beta exactly.  Shape: (N,) -> (N,).

    Example:
        >>> katz_solved(Arrays.from_edges(2, np.array([0]), np.array([1])), 0.1, np.ones(2)).tolist()
        [1.0, 1.1]
    """
    found: np.ndarray = np.linalg.solve(np.eye(a.n) - alpha * a.matrix.toarray().T, beta)
    return found


def eigenvector_solved(a: Arrays, max_iter: int = 50, tol: float = 0) -> np.ndarray:
    """Give the leading left eigenvector of A, of length 1, by Arnoldi's method, which needs three nodes.  Shape: (N,).

    Example:
        >>> ring = Arrays.from_edges(4, np.arange(4), (np.arange(4) + 1) % 4, directed=False)
        >>> eigenvector_solved(ring).round(6).tolist()
        [0.5, 0.5, 0.5, 0.5]
    """
    _, vectors = sp.linalg.eigs(a.matrix.T, k=1, which="LR", maxiter=max_iter, tol=tol)
    largest = vectors.flatten().real
    found: np.ndarray = largest / (np.sign(largest.sum()) * np.linalg.norm(largest))
    return found


def hits(
    a: Arrays, *, start: np.ndarray | None = None, max_iter: int = 100, tol: float = 1e-8
) -> tuple[np.ndarray, np.ndarray]:
    """Give hubs and authorities: A a and a, the leading right singular vector of A (Kleinberg, 1999).

    Shape: (N,) twice.

    Raises:
        ConvergenceError: no end within max_iter steps.

    Example:
        >>> hubs, authorities = hits(Arrays.from_edges(3, np.array([0, 1]), np.array([2, 2])))
        >>> np.abs(hubs / hubs.sum()).round(6).tolist(), np.abs(authorities).round(6).tolist()
        ([0.5, 0.5, 0.0], [0.0, 0.0, 1.0])
    """
    matrix: Any = a.matrix
    try:
        _, _, vectors = sp.linalg.svds(matrix, k=1, v0=start, maxiter=max_iter, tol=tol)
    except sp.linalg.ArpackNoConvergence as error:
        raise ConvergenceError(f"hits: not settled (got {max_iter} steps); raise max_iter or tol") from error
    authorities = vectors.flatten().real
    return matrix @ authorities, authorities
