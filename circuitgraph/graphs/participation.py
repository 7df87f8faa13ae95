"""Roles of nodes among communities: how widely they link, and how much they are linked at home."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from circuitgraph.communities.graph import read_labels
from circuitgraph.graphs.arrays import Arrays
from circuitgraph.graphs.degrees import Side


@dataclass(frozen=True, eq=False)
class BySign:
    """One number per node for its positive and one for its negative edges.  Shape: (N,) each."""

    positive: np.ndarray
    negative: np.ndarray


def participation(a: Arrays, labels: Any, side: Side = "in+out") -> BySign:
    """Say how evenly a node's edges are spread over communities: 0 if all go to one, near 1 if to many alike.

        P[i] = 1 - sum over communities s of (k[i, s] / k[i])^2

    k[i, s] is the weight of the edges between node i and community s, k[i] that of all: outgoing, incoming or both, of
    positive weights and of negative ones (their absolute values) apart.  0 for a node without such edges.  Guimerà and
    Amaral (2005); signed as by Rubinov and Sporns (2011).

    Shape: labels (N,) or a `Partition`.

    Raises:
        ShapeError: for labels that do not fit.

    Example:
        >>> star = Arrays.from_edges(3, np.array([0, 0]), np.array([1, 2]), np.array([1.0, 1.0]))
        >>> participation(star, [0, 0, 1], "out").positive.tolist()
        [0.5, 0.0, 0.0]
    """
    place = _places(labels, a.n, "participation")
    return BySign(*(_spread(k) for k in _strengths(a, place, side)))


def module_z(a: Arrays, labels: Any, side: Side = "in+out") -> BySign:
    """Say how strongly a node is linked within its community, compared with the others there.

        z[i] = (k[i, s] - mean over s of k[j, s]) / standard deviation over s,   s the community of i

    0 where all of a community are alike.  Sides and signs as in `participation`.  Guimerà and Amaral (2005).

    Shape: labels (N,) or a `Partition`.

    Raises:
        ShapeError: for labels that do not fit.

    Example:
        >>> path = Arrays.from_edges(3, np.array([0, 1]), np.array([1, 2]), directed=False)
        >>> module_z(path, [0, 0, 0]).positive.round(3).tolist()
        [-0.707, 1.414, -0.707]
    """
    place = _places(labels, a.n, "module_z")
    return BySign(*(_standardised(k[np.arange(a.n), place], place) for k in _strengths(a, place, side)))


def _places(labels: Any, n: int, where: str) -> np.ndarray:
    found: np.ndarray = np.unique(read_labels(labels, where, n), return_inverse=True)[1]
    return found


def _strengths(a: Arrays, place: np.ndarray, side: Side) -> tuple[Any, Any]:
    """Sum the positive and the negative weights between every node and every community.  Shape: (N, C) sparse each."""
    home = sp.csr_array((np.ones(a.n), (np.arange(a.n), place)), shape=(a.n, int(place.max(initial=-1)) + 1))
    whole = a.matrix
    found = []
    for sign in (1, -1):
        part = sp.csr_array((np.maximum(sign * whole.data, 0), whole.indices, whole.indptr), shape=whole.shape)
        out, into = part @ home, part.T @ home
        both = out if not a.directed else {"out": out, "in": into, "in+out": out + into}[side]
        found.append(sp.csr_array(both))
    return found[0], found[1]


def _spread(k: Any) -> np.ndarray:
    total = k.sum(axis=1)
    squares = k.multiply(k).sum(axis=1)
    share = np.divide(squares, total**2, out=np.ones(len(total)), where=total > 0)
    found: np.ndarray = np.maximum(1 - share, 0)
    return found


def _standardised(x: np.ndarray, place: np.ndarray) -> np.ndarray:
    size = np.maximum(np.bincount(place), 1)
    off = x - (np.bincount(place, x) / size)[place]
    spread = np.sqrt(np.bincount(place, off**2) / size)[place]
    return np.divide(off, spread, out=np.zeros(len(x)), where=spread > 1e-12 * abs(x).max(initial=1))
