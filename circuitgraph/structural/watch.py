"""Numbers about wiring that a structural log can follow."""

import numpy as np

from circuitgraph.communities import louvain
from circuitgraph.ir import Circuit


def wiring_modularity(circuit: Circuit, *, rng: int | np.random.Generator = 0) -> float:
    """Give the modularity of the best communities of units that Louvain finds, signs and directions included.

    `net.log.watch["modularity"] = wiring_modularity` writes it down after every edit, for `net.log.curves()`.

    Raises:
        MissingEngineError: where networkit is not installed.

    Example:
        >>> import circuitgraph as cg
        >>> pairs = cg.Explicit([0, 1, 2, 3], [1, 0, 3, 2])
        >>> wiring_modularity(cg.Circuit().add("x", 4).connect("x", "x", pairs, delay=1, weight=1.0))
        0.5
    """
    return louvain(circuit.graph().arrays("weight").matrix, rng=rng).modularity
