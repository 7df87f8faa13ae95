"""Pairs: who is linked with whom, in either direction; and triangles of a symmetric matrix."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from circuitgraph.graphs.arrays import Arrays
from circuitgraph.graphs.loops_triangles import triangle_codes, triangle_sums
from circuitgraph.graphs.threads import each, parts


@dataclass(frozen=True, eq=False)
class Forward:
    """Every pair once, at its end of fewer neighbours, so that no row is long: at most sqrt(2 pairs).

    Chiba and Nishizeki (1985).  Shape: begins (N + 1,); post (P,); value (P,); work (N,).
    """

    begins: np.ndarray
    post: np.ndarray
    value: np.ndarray
    work: np.ndarray

    @classmethod
    def of(cls, matrix: Any) -> "Forward":
        """Turn the pairs of a symmetric matrix.  Shape: (N, N)."""
        n, degree = matrix.shape[0], np.diff(matrix.indptr)
        rank = np.empty(n, np.int32)
        rank[np.argsort(degree, kind="stable")] = np.arange(n, dtype=np.int32)
        kept = np.repeat(rank, degree) < rank[matrix.indices]
        before = np.concatenate([[0], np.cumsum(kept)])
        begins, post = before[matrix.indptr].astype(np.int64), matrix.indices[kept]
        steps = np.concatenate([[0], np.cumsum(np.diff(begins)[post] + 1)])
        return cls(begins, post, matrix.data[kept], np.diff(steps[begins]))


def pairs(a: Arrays) -> Any:
    """Say of every two linked nodes how: 1 for i -> j only, 2 for j -> i only, 3 for both or undirected; no loops.

    Shape: (N, N) compressed, int8, neighbours rising.

    Example:
        >>> pairs(Arrays.from_edges(3, np.array([0, 1, 1]), np.array([1, 0, 2]))).toarray().tolist()
        [[0, 3, 0], [3, 0, 1], [0, 2, 0]]
    """
    kept = a.pre != a.post
    begins, post = a.begins, a.post
    if not kept.all():
        begins, post = np.concatenate([[0], np.cumsum(kept)])[a.begins], a.post[kept]
    back = sp.csr_array((np.ones(len(post), np.int8), post, begins), shape=(a.n, a.n)).T.tocsr()
    if not a.directed:
        return back * np.int8(3)
    return back.T.tocsr() + back * np.int8(2)


def around(a: Arrays, nodes: Sequence[int]) -> tuple[Arrays, np.ndarray]:
    """Cut out some nodes and all their neighbours: what their triangles lie in; and where the nodes are there.

    Shape: nodes (M,) -> (M,).

    Example:
        >>> part, where = around(Arrays.from_edges(4, np.array([0, 1, 2]), np.array([1, 2, 3])), [3])
        >>> part.n, where.tolist()
        (2, [1])
    """
    chosen = np.zeros(a.n, bool)
    chosen[nodes] = True
    inside = chosen.copy()
    inside[a.post[chosen[a.pre]]] = True
    inside[a.pre[chosen[a.post]]] = True
    place = np.cumsum(inside) - 1
    kept = inside[a.pre] & inside[a.post]
    begins = np.concatenate([[0], np.cumsum(kept)])[a.begins]
    begins = np.append(begins[:-1][inside], begins[-1])
    weight = None if a.weight is None else a.weight[kept]
    return Arrays(begins, place[a.post[kept]].astype(np.int32), weight, a.directed), place[nodes]


def pulls(a: Arrays, largest: float = 1.0) -> Any:
    """Add the cube roots of the weights of both directions of every pair, relative to the largest weight.

    S[i, j] = cbrt(w[i, j] / largest) + cbrt(w[j, i] / largest); of an undirected graph cbrt(w / largest); no loops.
    A graph without weights has 1 for every direction.
    Shape: (N, N) compressed.
    """
    if a.weight is None:
        linked = pairs(a)
        data = (linked.data == 3) + 1.0 if a.directed else np.ones(len(linked.data))
        return sp.csr_array((data, linked.indices, linked.indptr), shape=linked.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.cbrt(a.weight / largest)
    root[a.pre == a.post] = 0.0
    matrix = sp.csr_array((root, a.post, a.begins), shape=(a.n, a.n))
    back = matrix.T.tocsr()
    return back.T.tocsr() + back if a.directed else back


def triangles_of(matrix: Any) -> np.ndarray:
    """Sum s[i, j] s[j, k] s[k, i] over the triangles of each node, each once, of a symmetric matrix without diagonal.

    Shape: (N, N) -> (N,) float64.
    """
    forward = Forward.of(matrix)
    args = forward.begins, forward.post, forward.value.astype(np.float64)
    runs = parts(forward.work)
    found: np.ndarray = np.sum(each(triangle_sums, [(*args, low, high) for low, high in runs]), axis=0)
    return found


def codes_of(linked: Any) -> np.ndarray:
    """Count the triangles of `pairs` by their 64 codes: link(u, v) + 4 link(u, w) + 16 link(v, w).  Shape: (64,)."""
    forward = Forward.of(linked)
    runs = parts(forward.work)
    args = forward.begins, forward.post, forward.value
    found: np.ndarray = np.sum(each(triangle_codes, [(*args, low, high) for low, high in runs]), axis=0)
    return found
