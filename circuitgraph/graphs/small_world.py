"""Small worlds: as clustered as a lattice, and as short of path as a random graph."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from circuitgraph.errors import ShapeError, UnknownNameError
from circuitgraph.graphs.arrays import Arrays
from circuitgraph.graphs.clustering import clustering
from circuitgraph.graphs.compare import draw
from circuitgraph.graphs.nulls import Rng, latticise, swap_edges
from circuitgraph.graphs.paths import sweep

Mean = Literal["reached", "harmonic"]


@dataclass(frozen=True, eq=False)
class SmallWorldness:
    """Clustering C and path length L of a graph, of random graphs and of lattices with the same degrees.

    Shape: random and lattice (n_graphs, 2): C and L of each.

    Example:
        >>> s = SmallWorldness(0.5, 2.0, 1.0, np.array([[0.1, 2.0]]), np.array([[0.5, 6.0]]))
        >>> s.sigma, s.omega, s.propensity
        (5.0, 0.0, 1.0)
    """

    clustering: float
    path_length: float
    reached: float
    random: np.ndarray
    lattice: np.ndarray

    @property
    def sigma(self) -> float:
        """Give (C / C_random) / (L / L_random), above 1 in a small world (Humphries and Gurney, 2008)."""
        c, length = self.random.mean(axis=0)
        return _over(_over(self.clustering, c), _over(self.path_length, length))

    @property
    def omega(self) -> float:
        """Give L_random / L - C / C_lattice: about 0 in a small world, -1 in a lattice (Telesford et al., 2011)."""
        c, length = self.lattice.mean(axis=0)[0], self.random.mean(axis=0)[1]
        return _over(length, self.path_length) - _over(self.clustering, c)

    @property
    def propensity(self) -> float:
        """Give 1 - sqrt((dC^2 + dL^2) / 2), from 0 to 1, high in a small world (Muldoon, Bridgeford and Bassett, 2016).

        dC = (C_lattice - C) / (C_lattice - C_random),  dL = (L - L_random) / (L_lattice - L_random), each cut to 0..1.
        """
        (c_random, l_random), (c_lattice, l_lattice) = self.random.mean(axis=0), self.lattice.mean(axis=0)
        off_c = _over(c_lattice - self.clustering, c_lattice - c_random)
        off_l = _over(self.path_length - l_random, l_lattice - l_random)
        return float(1 - np.sqrt((np.clip([off_c, off_l], 0, 1) ** 2).mean()))


def small_world(a: Arrays, *, n_graphs: int = 10, mean: Mean = "reached", rng: Rng = 0) -> SmallWorldness:
    """Compare clustering and path length with those of random graphs and of lattices that have the same degrees.

    Weights do not matter; direction does, for clustering (Fagiolo, 2007) and for paths: give an undirected graph
    (`joined`) for the numbers of Watts and Strogatz (1998).  Random graphs are drawn by `swap_edges`, lattices by
    `latticise`, which for the propensity departs from Muldoon et al., who let go of the degrees.  For path length on
    graphs that are not connected see `path_length`.  Takes a search from every node of 1 + 2 n_graphs graphs.

    Raises:
        ShapeError: for a graph without edges, or fewer than one random graph.
        UnknownNameError: for another mean.

    Example:
        >>> ring = np.arange(60)
        >>> pre, post = np.tile(ring, 3), np.concatenate([ring + 1, ring + 2, ring + 3]) % 60
        >>> world = small_world(Arrays.from_edges(60, pre, post, directed=False), n_graphs=3)
        >>> round(world.clustering, 3), world.sigma > 1, world.omega < -0.3
        (0.6, True, True)
    """
    if not (a.pre != a.post).any():
        raise ShapeError("small_world: no edge between two nodes (got none, expected at least one)")
    plain, rng = Arrays(a.begins, a.post, None, a.directed), np.random.default_rng(rng)
    random = draw(lambda: _measured(swap_edges(plain, rng), mean), n_graphs, "small_world")
    lattice = draw(lambda: _measured(latticise(plain, rng), mean), n_graphs, "small_world")
    c, length = _measured(plain, mean).tolist()
    return SmallWorldness(c, length, reached(plain), random, lattice)


def path_length(a: Arrays, mean: Mean = "reached") -> float:
    """Give the mean number of steps from one node to another, along edges.

    Nodes that no path connects have no distance.  "reached" leaves such ordered pairs out (`reached` says what share is
    left); "harmonic" takes them as infinitely far: N (N - 1) / sum of 1 / distance, one over the global efficiency of
    Latora and Marchiori (2001).  On a connected graph "reached" is the characteristic path length.  NaN, or infinite,
    where no pair is connected.

    Raises:
        UnknownNameError: for another mean.

    Example:
        >>> path = Arrays.from_edges(3, np.array([0, 1]), np.array([1, 2]))
        >>> path_length(path), path_length(path, "harmonic")
        (1.3333333333333333, 2.4)
    """
    if mean not in ("reached", "harmonic"):
        raise UnknownNameError(f"path_length: no mean {mean!r} (expected 'reached' or 'harmonic')")
    found = sweep(Arrays(a.begins, a.post, None, a.directed))
    if mean == "harmonic":
        return _over(float(a.n * (a.n - 1)), float(found.inverse.sum()))
    return _over(float(found.total.sum()), float(found.reached.sum() - a.n))


def reached(a: Arrays) -> float:
    """Give the share of ordered pairs of different nodes that a path connects.

    Example:
        >>> reached(Arrays.from_edges(3, np.array([0, 1]), np.array([1, 2])))
        0.5
    """
    found = sweep(Arrays(a.begins, a.post, None, a.directed))
    return _over(float(found.reached.sum() - a.n), float(a.n * (a.n - 1)))


def joined(a: Arrays) -> Arrays:
    """Forget direction: nodes are linked where there is an edge either way; no weights, no loops.

    Example:
        >>> joined(Arrays.from_edges(3, np.array([0, 1, 1]), np.array([1, 0, 2]))).n_edges
        2
    """
    low, high = np.minimum(a.pre, a.post), np.maximum(a.pre, a.post)
    key = np.sort((low.astype(np.int64) * a.n + high)[low != high])
    key = key[np.diff(key, prepend=-1) > 0]
    return Arrays.from_edges(a.n, key // a.n, key % a.n, directed=False)


def _measured(a: Arrays, mean: Mean) -> np.ndarray:
    return np.array([clustering(a).mean(), path_length(a, mean)])


def _over(a: float, b: float) -> float:
    """Divide; by zero it is infinite, or NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.float64(a) / np.float64(b))
