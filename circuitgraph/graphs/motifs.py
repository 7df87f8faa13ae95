"""Motifs: which ways to link two or three nodes are more frequent than degrees alone explain."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from circuitgraph.errors import ShapeError
from circuitgraph.graphs.arrays import Arrays
from circuitgraph.graphs.census import TRIADS, triadic_census
from circuitgraph.graphs.compare import draw, p_values, z_scores
from circuitgraph.graphs.degrees import answered
from circuitgraph.graphs.nulls import Rng, swap_edges

MOTIFS = ("mutual", "asymmetric", *TRIADS[3:])
"""The two ways to link a pair, and the 13 ways to link three nodes, named as in the triadic census."""
KNOWN_AS = {
    "021D": "divergence", "021U": "convergence", "021C": "chain", "030T": "feed-forward loop", "030C": "cycle",
    "300": "clique",
}  # fmt: skip
"""What the field calls some of them."""


@dataclass(frozen=True, eq=False)
class Motifs:
    """How often each of `MOTIFS` occurs, as a subgraph of exactly these links, here and in random graphs.

    Shape: counts (15,), null_counts (n_graphs, 15).

    Example:
        >>> m = Motifs(np.arange(15.0), np.zeros((3, 15)))
        >>> m.of("021D"), float(m.p_over[2]), float(m.p_under[2])
        ({'count': 2.0, 'null_mean': 0.0, 'null_std': 0.0, 'z': inf, 'p_over': 0.25, 'p_under': 1.0}, 0.25, 1.0)
    """

    counts: np.ndarray
    null_counts: np.ndarray

    @property
    def z(self) -> np.ndarray:
        """Give how many standard deviations each count lies above the mean of the random graphs.  Shape: (15,)."""
        return z_scores(self.counts, self.null_counts)

    @property
    def p_over(self) -> np.ndarray:
        """Give the share of random graphs that have as many, this one counted in.  Shape: (15,)."""
        return p_values(self.counts, self.null_counts)

    @property
    def p_under(self) -> np.ndarray:
        """Give the share of random graphs that have as few, this one counted in.  Shape: (15,)."""
        return p_values(-self.counts, -self.null_counts)

    @property
    def profile(self) -> np.ndarray:
        """Give the z of the triads scaled to length 1, those without spread as 0 (Milo et al., 2004).  Shape: (13,)."""
        z = np.where(np.isfinite(self.z), self.z, 0.0)[2:]
        length = float(np.sqrt(z @ z))
        return z / length if length else z

    def of(self, name: str) -> Mapping[str, float]:
        """Give all that is known of one motif."""
        k = MOTIFS.index(name)
        nulls = self.null_counts[:, k]
        numbers = (self.counts[k], nulls.mean(), nulls.std(), self.z[k], self.p_over[k], self.p_under[k])
        names = ("count", "null_mean", "null_std", "z", "p_over", "p_under")
        return dict(zip(names, map(float, numbers), strict=True))


def count_motifs(a: Arrays) -> np.ndarray:
    """Count linked pairs and connected triples of nodes by how they are linked; loops do not count.

    Shape: (15,) int64, in the order of `MOTIFS`.

    Example:
        >>> loop = Arrays.from_edges(3, np.array([0, 0, 1]), np.array([1, 2, 2]))
        >>> dict(zip(MOTIFS, count_motifs(loop).tolist()))["030T"]
        1
    """
    back = answered(a) & (a.pre != a.post)
    mutual = int(back.sum()) // 2
    single = int((a.pre != a.post).sum()) - 2 * mutual
    return np.concatenate([[mutual, single], triadic_census(a)[3:]])


def motifs(a: Arrays, *, n_graphs: int = 100, keep_mutual: bool = True, rng: Rng = 0) -> Motifs:
    """Compare counts of motifs with those of random graphs of the same degrees.

    With `keep_mutual` every node also keeps how many of its links are mutual, so that triads are not frequent merely
    because mutual links are (Milo et al., 2002); without it "mutual" is itself put to the test.  Weights and signs do
    not matter to the counts; a swap keeps every node's edges of either sign.

    Raises:
        ShapeError: for an undirected graph, or fewer than one random graph.

    Example:
        >>> ring = np.arange(20)
        >>> pre, post = np.tile(ring, 2), np.concatenate([ring + 1, ring + 2]) % 20
        >>> found = motifs(Arrays.from_edges(20, pre, post), n_graphs=19)
        >>> found.of("030T")["count"], found.of("030T")["p_over"]
        (20.0, 0.05)
    """
    if not a.directed:
        raise ShapeError("motifs: links without direction (got an undirected graph, expected a directed one)")
    rng = np.random.default_rng(rng)
    nulls = draw(lambda: count_motifs(swap_edges(a, rng, keep_mutual=keep_mutual)), n_graphs, "motifs")
    return Motifs(count_motifs(a).astype(np.float64), nulls.astype(np.float64))
