"""A topology of your own: a ring."""

# --8<-- [start:code]
import numpy as np

import circuitgraph as cg
from circuitgraph.errors import ShapeError
from circuitgraph.ir import Shape, Slots, Synapses, Topology, value
from circuitgraph.registry import topologies
from circuitgraph.testing import check_topology


@topologies.register("ring")
@value
class Ring(Topology):
    """Connect each neuron to its `reach` neighbours on either side of a ring; slot = post * 2 reach + neighbour."""

    reach: int = 1

    @property
    def steps(self) -> list[int]:
        """Say how far along the ring the presynaptic neurons are, from the left to the right."""
        return [d for d in range(-self.reach, self.reach + 1) if d]

    def slots(self, pre: Shape, post: Shape) -> Slots:
        at = np.repeat(np.arange(post[0]), len(self.steps))
        neighbour = (at + np.tile(self.steps, post[0])) % pre[0]
        return Slots(neighbour, at, np.ones(len(at), np.int64))

    def synapses(self, pre: Shape, post: Shape) -> Synapses:
        table = self.slots(pre, post)
        return Synapses.build(table.pre, table.post, np.arange(len(table)))

    def post_shape(self, pre: Shape, units: int | None = None) -> Shape:
        if len(pre) != 1 or pre[0] <= 2 * self.reach:
            raise ShapeError(f"{self!r}: ring too small (got shape {pre}, expected ({2 * self.reach + 1},) or more)")
        return pre

    def row_length(self, pre: Shape, post: Shape) -> int:
        return 2 * self.reach

    @classmethod
    def examples(cls) -> list[tuple[Topology, Shape, Shape]]:
        return [(cls(), (5,), (5,)), (cls(2), (6,), (6,))]


for example in Ring.examples():
    check_topology(*example)
circuit = cg.Circuit().add("x", 12).connect("x", "y", Ring(2), neuron=cg.ReLU(), rule=cg.Oja(0.01))
print(cg.compile(circuit).plan)
# --8<-- [end:code]
