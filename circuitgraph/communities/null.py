"""How often a random graph of the same degrees scores as high."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from circuitgraph.communities.graph import Graph, read_labels
from circuitgraph.communities.modular import leiden, louvain
from circuitgraph.communities.partition import Partition
from circuitgraph.communities.quality import score
from circuitgraph.communities.spectral import spectral
from circuitgraph.communities.swaps import rewire
from circuitgraph.errors import ShapeError, UnknownNameError
from circuitgraph.ir.shape import is_integer
from circuitgraph.ir.value import Value, frozen_array, value

METHODS: dict[str, Callable[..., Partition]] = {"louvain": louvain, "leiden": leiden, "spectral": spectral}


@value
class NullTest(Value):
    """A modularity, and those of random graphs of the same degrees.

    Example:
        >>> t = NullTest(0.5, [0.1, 0.3, 0.2])
        >>> t.p_value, round(t.z, 2)
        (0.25, 3.67)
    """

    kind: ClassVar[str] = "null-test"

    score: float
    null_scores: Any

    def __post_init__(self) -> None:
        object.__setattr__(self, "null_scores", frozen_array(self.null_scores, np.float64))

    @property
    def p_value(self) -> float:
        """Give (1 + how many random graphs score as high) / (1 + how many there are)."""
        return float((1 + (self.null_scores >= self.score).sum()) / (1 + len(self.null_scores)))

    @property
    def z(self) -> float:
        """Give how many standard deviations the score lies above the mean; 0 or infinite where there is no spread."""
        above, spread = self.score - float(self.null_scores.mean()), float(self.null_scores.std())
        if spread > 1e-12:
            return above / spread
        return float(np.sign(above) * np.inf) if abs(above) > 1e-12 else 0.0


def null_test(a: Any, found: Any, *, n_graphs: int = 100, rng: int | np.random.Generator = 0) -> NullTest:
    """Compare a graph's modularity with that of random graphs of the same degrees.

    `found` is a method ("louvain", "leiden", "spectral", or any function of a matrix and `rng` that gives a
    `Partition`): it searches each random graph too, which is the fair question for communities that were searched for.
    A `Partition` names its method.  Plain labels, which must not come from the graph's own edges, are scored as they
    are.

    Random graphs keep every node's number of edges in and out, of either sign, and no more.

    Raises:
        ShapeError: for a matrix that is not square, labels that do not fit, or fewer than one graph.
        NumericError: for weights that are not finite.
        UnknownNameError: for a method of another name.

    Example:
        >>> two_groups = np.kron(np.eye(2), 1 - np.eye(8))
        >>> test = null_test(two_groups, "spectral", n_graphs=19)
        >>> test.score, test.p_value
        (0.5, 0.05)
    """
    if not is_integer(n_graphs, 1):
        raise ShapeError(f"null_test: bad number of graphs (got {n_graphs!r}, expected an integer of at least 1)")
    graph, rng = Graph.read(a, "null_test"), np.random.default_rng(rng)
    measure = _measure(graph, found)
    mine = measure(graph, rng)
    return NullTest(mine, [measure(Graph(rewire(graph, rng)), rng) for _ in range(n_graphs)])


def _measure(graph: Graph, found: Any) -> Callable[[Graph, np.random.Generator], float]:
    """Give what scores a graph."""
    name = found.method if isinstance(found, Partition) else found
    if isinstance(name, str):
        if name not in METHODS:
            known = ", ".join(METHODS)
            raise UnknownNameError(f"null_test: no method {name!r} (expected one of {known}, a function or labels)")
        name = METHODS[name]
    if callable(name):
        method: Callable[..., Partition] = name
        return lambda g, rng: score(g, method(g.matrix, rng=int(rng.integers(2**31))).labels, 1.0)
    labels = read_labels(found, "null_test", graph.n)
    return lambda g, rng: score(g, labels, 1.0)
