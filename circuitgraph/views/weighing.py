"""How the weights of a graph's edges follow from a circuit's weights, so that only they are read again."""

from dataclasses import dataclass

import numpy as np

from circuitgraph.ir import Circuit
from circuitgraph.views.pairs import Level, pairs


@dataclass(frozen=True, eq=False)
class Weighing:
    """What of a circuit's structure decides which of its weights make an edge.

    `slots` has one entry per projection: the slot whose weight each pair has (P,), or None where weights are summed.
    `group` (K,) is the edge that each pair adds to, None where every pair is one; `order` (E,) how edges are listed.
    """

    level: Level
    slots: tuple[np.ndarray | None, ...]
    group: np.ndarray | None
    order: np.ndarray

    def __call__(self, circuit: Circuit) -> np.ndarray:
        """Give the weight of every edge, for a circuit of the same structure.  Shape: (E,) float64."""
        parts = [
            pairs(circuit, p, self.level).weight if slot is None else p.weight[slot]
            for p, slot in zip(circuit.projections, self.slots, strict=True)
        ]
        weight = np.concatenate([np.zeros(0), *parts])
        if self.group is not None:
            weight = np.bincount(self.group, weight, len(self.order))
        listed: np.ndarray = weight[self.order]
        return listed
