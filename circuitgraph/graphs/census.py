"""The triadic census: how often each of the 16 ways to link three nodes occurs."""

import numpy as np

from circuitgraph.graphs.arrays import Arrays
from circuitgraph.graphs.pairs import codes_of, pairs

TRIADS = (
    "003", "012", "102", "021D", "021U", "021C", "111D", "111U", "030T", "030C", "201", "120D", "120U", "120C", "210",
    "300",
)  # fmt: skip
"""Mutual, asymmetric and null pairs, and a letter for down, up, cyclic or transitive (Holland and Leinhardt, 1970)."""
_KIND = np.array([
    0, 1, 1, 2, 1, 3, 5, 7, 1, 5, 4, 6, 2, 7, 6, 10, 1, 5, 3, 7, 4, 8, 8, 12, 5, 9, 8, 13, 6, 13, 11, 14,
    1, 4, 5, 6, 5, 8, 9, 13, 3, 8, 8, 11, 7, 12, 13, 14, 2, 6, 7, 10, 6, 11, 13, 14, 7, 13, 12, 14, 10, 14, 14, 15,
])  # fmt: skip
"""The triad of the code link(u, v) + 4 link(u, w) + 16 link(v, w); a link is 1 there, 2 back, 3 both (Batagelj and
Mrvar, 2001)."""
_TURNED = np.array([0, 2, 1, 3])


def triadic_census(a: Arrays) -> np.ndarray:
    """Count all triples of nodes by how they are linked; loops do not count.

    Triples of three linked pairs are found one by one.  Those of two are all pairs of links at a node less the ones
    found closed; those of one follow from the number of links, and the rest has none.

    Shape: (16,) int64, in the order of `TRIADS`.

    Example:
        >>> census = triadic_census(Arrays.from_edges(4, np.array([0, 1, 2]), np.array([1, 2, 3])))
        >>> dict(zip(TRIADS, census.tolist()))["021C"]
        2
    """
    linked, n = pairs(a), a.n
    closed = codes_of(linked)
    count = np.zeros(16, np.int64)
    np.add.at(count, _KIND, closed)
    row = np.repeat(np.arange(n), np.diff(linked.indptr))
    links = np.bincount(4 * row + linked.data, minlength=4 * n).reshape(n, 4)
    np.add.at(count, _KIND[np.arange(16)], _open(links, closed).ravel())
    mutual, single = int((linked.data == 3).sum()) // 2, int((linked.data == 1).sum())
    names = np.array([[int(t[0]), int(t[1])] for t in TRIADS])
    count[TRIADS.index("012")] = single * (n - 2) - int(count[3:] @ names[3:, 1]) if n > 2 else 0
    count[TRIADS.index("102")] = mutual * (n - 2) - int(count[3:] @ names[3:, 0]) if n > 2 else 0
    count[0] = n * (n - 1) * (n - 2) // 6 - int(count[1:].sum())
    return count


def _open(links: np.ndarray, closed: np.ndarray) -> np.ndarray:
    """Count pairs of links at a node whose other ends are not linked: found[x, y] with x <= y.  Shape: (4, 4)."""
    found = np.triu(links.T @ links, 1)
    np.fill_diagonal(found, (links * (links - 1) // 2).sum(axis=0))
    code = np.arange(64)
    uv, uw, vw = code & 3, code >> 2 & 3, code >> 4
    for x, y in ((uv, uw), (_TURNED[uv], vw), (_TURNED[uw], _TURNED[vw])):
        np.subtract.at(found, (np.minimum(x, y), np.maximum(x, y)), closed)
    found[0] = 0
    return found
