"""What the methods of this package read: a square sparse matrix, rows pre, columns post."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp

from circuitgraph.communities.loops import held_together
from circuitgraph.errors import NumericError, ShapeError
from circuitgraph.ir.value import index_array


@dataclass(frozen=True, eq=False)
class Graph:
    """Edges in canonical order: A[pre[e], post[e]] = weight[e], sorted, unique, finite and not zero.

    Example:
        >>> g = Graph.read(sp.csr_array(([2.0, -1.0], ([0, 1], [1, 0])), shape=(2, 2)), "example")
        >>> g.n, g.pre.tolist(), g.weight.tolist(), g.directed, g.signed
        (2, [0, 1], [2.0, -1.0], True, True)
    """

    matrix: Any

    @classmethod
    def read(cls, a: Any, where: str) -> "Graph":
        """Check and copy a matrix of weights, dense or sparse; duplicates are summed, zeros are no edges.

        Raises:
            ShapeError: for what is not square, or has no nodes.
            NumericError: for NaN, infinity, or what are no real numbers.
        """
        shape = getattr(a, "shape", np.shape(a))
        if len(shape) != 2 or shape[0] != shape[1] or not shape[0]:
            raise ShapeError(
                f"{where}: no adjacency matrix (got shape {tuple(shape)}, expected (N, N) with N at least 1)"
            )
        kind = a.dtype if hasattr(a, "dtype") else np.asarray(a).dtype
        if kind.kind not in "fiub":
            raise NumericError(f"{where}: weights are not real numbers (got {kind}, expected e.g. float64)")
        given: Any = a if sp.issparse(a) else np.asarray(a)
        matrix: Any = sp.csr_array(given, dtype=np.float64)
        if not np.isfinite(matrix.data).all():
            wrong = matrix.data[~np.isfinite(matrix.data)][0]
            raise NumericError(f"{where}: NaN or infinity among the weights (got {wrong}, expected finite numbers)")
        if not (matrix.has_canonical_format and matrix.data.all()):
            matrix = matrix.copy()
            matrix.sum_duplicates()
            matrix.eliminate_zeros()
        return cls(matrix)

    @property
    def n(self) -> int:
        """Count the nodes."""
        return int(self.matrix.shape[0])

    @cached_property
    def pre(self) -> np.ndarray:
        """Give each edge's row.  Shape: (E,)."""
        return np.repeat(np.arange(self.n, dtype=self.post.dtype), np.diff(self.matrix.indptr))

    @property
    def post(self) -> np.ndarray:
        """Give each edge's column.  Shape: (E,)."""
        found: np.ndarray = self.matrix.indices
        return found

    @property
    def weight(self) -> np.ndarray:
        """Give each edge's weight.  Shape: (E,)."""
        found: np.ndarray = self.matrix.data
        return found

    @cached_property
    def signed(self) -> bool:
        """Tell whether any weight is negative."""
        return bool((self.weight < 0).any())

    @cached_property
    def directed(self) -> bool:
        """Tell whether A differs from its transpose; an undirected graph lists every edge in both directions."""
        back = self._transpose
        same = np.array_equal(back.indptr, self.matrix.indptr) and np.array_equal(back.indices, self.post)
        return not (same and np.array_equal(back.data, self.weight))

    @cached_property
    def both_ways(self) -> Any:
        """Give A where it is symmetric, else A + A^T, as a compressed matrix.  Shape: (N, N)."""
        return both_ways(self.matrix, self._transpose) if self.directed else self.matrix

    @cached_property
    def _transpose(self) -> Any:
        return self.matrix.T.tocsr()


def both_ways(matrix: Any, transpose: Any) -> Any:
    """Add a matrix and its transpose; what cancels is no edge."""
    total = sp.csr_array(matrix + transpose)
    total.eliminate_zeros()
    return total


def read_labels(labels: Any, where: str, n: int | None = None) -> np.ndarray:
    """Check one whole number per node.  Shape: (N,) -> (N,) int64.

    Raises:
        ShapeError: for what is no list of integers, or of another length.

    Example:
        >>> read_labels([3, 3, 7], "example", 3).tolist()
        [3, 3, 7]
    """
    found = index_array(getattr(labels, "labels", labels), f"{where}: labels")
    if n is not None and len(found) != n:
        raise ShapeError(f"{where}: one label per node (got {len(found)} labels, expected {n})")
    return found


def connect(graph: Graph, labels: np.ndarray) -> np.ndarray:
    """Split every community into the parts that its edges hold together.

    Direction is not asked for; negative edges hold nothing together.  Shape: (N,) -> (N,).

    Example:
        >>> path = Graph.read(np.eye(4, k=1), "example")
        >>> connect(path, np.array([0, 1, 0, 0])).tolist()
        [0, 1, 2, 2]
    """
    a = graph.matrix
    return np.unique(held_together(a.indptr, a.indices, a.data, labels), return_inverse=True)[1]


def positive(matrix: Any) -> Any:
    """Keep the positive entries only."""
    return sp.csr_array(matrix.maximum(0)) if (matrix.data < 0).any() else matrix
