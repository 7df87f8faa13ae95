"""An edit of your own: the weakest slots go."""

# --8<-- [start:code]
import numpy as np

import circuitgraph as cg
from circuitgraph.edits import Edit, RemoveSlots
from circuitgraph.errors import ShapeError
from circuitgraph.ir import Circuit, Remap, value
from circuitgraph.registry import edits
from circuitgraph.testing import check_edit


@edits.register("remove-weakest")
@value
class RemoveWeakest(Edit):
    """Remove a share of a projection's slots, those with the smallest |w| (Han et al. 2015)."""

    projection: str
    share: float

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ShapeError(f"RemoveWeakest: share (got {self.share!r}, expected 0 to 1)")

    def apply(self, circuit: Circuit) -> tuple[Circuit, Remap]:
        size = np.abs(circuit.projection(self.projection).weight)
        weakest = np.argsort(size, kind="stable")[: round(self.share * len(size))]
        return RemoveSlots(self.projection, weakest).apply(circuit)

    @classmethod
    def examples(cls) -> list[tuple[Edit, Circuit]]:
        circuit = Circuit().add("x", 4).connect("x", "y", cg.Dense(), units=3)
        return [(cls("x->y", 0.5), circuit), (cls("x->y", 0.0), circuit)]


for example in RemoveWeakest.examples():
    check_edit(*example)
net = cg.compile(cg.Circuit().add("x", 40).connect("x", "y", cg.Dense(), units=25))
net.edit(RemoveWeakest("x->y", 0.9))  # reads the trained weights, not those that were compiled
print(net.plan)
# --8<-- [end:code]
