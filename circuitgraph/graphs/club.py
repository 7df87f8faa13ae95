"""The rich club: whether nodes of many edges are linked with each other more than their degrees explain."""

from dataclasses import dataclass

import numpy as np

from circuitgraph.graphs.arrays import Arrays
from circuitgraph.graphs.compare import draw, p_values, z_scores
from circuitgraph.graphs.degrees import degrees
from circuitgraph.graphs.nulls import Rng, swap_edges


@dataclass(frozen=True, eq=False)
class RichClub:
    """The share phi[k] of pairs of nodes of more than k edges that are linked, here and in graphs of the same degrees.

    Shape: phi (K,), null_phi (n_graphs, K), degree (N,).
    """

    phi: np.ndarray
    null_phi: np.ndarray
    degree: np.ndarray

    @property
    def normalised(self) -> np.ndarray:
        """Give phi[k] over its mean in random graphs; NaN where both are 0 (Colizza et al., 2006).  Shape: (K,)."""
        return _ratio(self.phi, self.null_phi.mean(axis=0))

    @property
    def spread(self) -> np.ndarray:
        """Give the standard deviation of the random graphs over their mean: that of 1.  Shape: (K,)."""
        return _ratio(self.null_phi.std(axis=0), self.null_phi.mean(axis=0))

    @property
    def z(self) -> np.ndarray:
        """Give how many standard deviations phi[k] lies above the mean of the random graphs.  Shape: (K,)."""
        return z_scores(self.phi, self.null_phi)

    @property
    def p_value(self) -> np.ndarray:
        """Give (1 + how many random graphs have a phi[k] as high) / (1 + how many there are).  Shape: (K,)."""
        return p_values(self.phi, self.null_phi)

    def members(self, k: int) -> np.ndarray:
        """List the nodes of more than k edges."""
        return np.flatnonzero(self.degree > k)


def club_shares(a: Arrays) -> np.ndarray:
    """Give, for every k, the share of the pairs of nodes of more than k edges that are linked.

        phi[k] = E[k] / (N[k] (N[k] - 1))        of a directed graph: edges in and out count, pairs have an order
        phi[k] = 2 E[k] / (N[k] (N[k] - 1))      of an undirected one

    up to the last k that leaves two nodes; no loop is an edge here, though degrees count it.  Zhou and Mondragón
    (2004); directed as by van den Heuvel and Sporns (2011).  Shape: (K,).

    Example:
        >>> club_shares(Arrays.from_edges(4, np.array([0, 1, 0, 3]), np.array([1, 0, 2, 0]))).tolist()[:2]
        [0.3333333333333333, 1.0]
    """
    degree, between = degrees(a), a.pre != a.post
    size = int(degree.max(initial=0)) + 1
    lesser = np.minimum(degree[a.pre[between]], degree[a.post[between]])
    nodes = (a.n - np.cumsum(np.bincount(degree, minlength=size))).astype(np.float64)
    # An undirected graph lists each edge twice, which is the 2 of the formula.
    edges = len(lesser) - np.cumsum(np.bincount(lesser, minlength=size))
    nodes = nodes[nodes > 1]
    found: np.ndarray = edges[: len(nodes)] / (nodes * (nodes - 1))
    return found


def rich_club(a: Arrays, *, n_graphs: int = 100, rng: Rng = 0) -> RichClub:
    """Compare the rich club with that of random graphs of the same degrees; weights do not matter.

    Raises:
        ShapeError: for fewer than one random graph.

    Example:
        >>> hubs, ring = np.triu(np.ones((5, 5)), 1), np.arange(40)
        >>> pre, post = np.concatenate([np.nonzero(hubs), [5 + ring, 5 + (ring + 1) % 40]], axis=1)
        >>> club = rich_club(Arrays.from_edges(45, pre, post, directed=False), n_graphs=19)
        >>> float(club.phi[2]), club.members(2).tolist(), float(club.p_value[2])
        (1.0, [0, 1, 2, 3, 4], 0.05)
    """
    rng = np.random.default_rng(rng)
    nulls = draw(lambda: club_shares(swap_edges(a, rng)), n_graphs, "rich_club")
    return RichClub(club_shares(a), nulls, degrees(a))


def _ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        found: np.ndarray = a / b
    return found
