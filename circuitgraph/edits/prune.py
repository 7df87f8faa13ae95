"""Removing slots: what is gone is gone, no mask stays behind."""

from typing import Any, ClassVar

import numpy as np

from circuitgraph.edits.edit import Edit
from circuitgraph.errors import ShapeError
from circuitgraph.ir import Circuit, Remap, value
from circuitgraph.ir.value import index_array
from circuitgraph.registry import edits
from circuitgraph.topologies import Conv, Dense, Pruned


@edits.register("remove-slots")
@value
class RemoveSlots(Edit):
    """Remove slots of one projection, by index; the topology becomes `Pruned`.

    Shape: slots (R,), different indices below the projection's number of slots.

    Raises:
        ShapeError: at once for what is no list of different indices; in `apply` for one out of range.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=1, weight=[1.0, 2.0, 3.0])
        >>> RemoveSlots("x->y", [1]).apply(c)[0].projection("x->y").weight.tolist()
        [1.0, 3.0]
    """

    reads_weights: ClassVar[bool] = False

    projection: str
    slots: Any

    def __post_init__(self) -> None:
        slots = index_array(self.slots, "RemoveSlots: slots")
        if len(np.unique(slots)) != len(slots):
            raise ShapeError(f"RemoveSlots: slots come twice (got {self.slots!r}, expected different indices (R,))")
        object.__setattr__(self, "slots", slots)

    def apply(self, circuit: Circuit) -> tuple[Circuit, Remap]:
        old = circuit.projection(self.projection)
        if not len(self.slots):
            return circuit, Remap()
        if self.slots.min() < 0 or self.slots.max() >= old.n_slots:
            got = f"got {self.slots.min()} to {self.slots.max()}, expected 0 to {old.n_slots - 1}"
            raise ShapeError(f"{self!r}: slot out of range ({got})")
        keep = np.delete(np.arange(old.n_slots), self.slots)
        new = circuit.replace_projection(
            old.name,
            topology=Pruned(old.topology, keep),
            weight=old.weight[keep],
            attributes={k: v[keep] for k, v in old.attributes.items()},
            ids=old.slot_ids[keep],
        )
        return new, Remap(slots={old.name: keep})

    @classmethod
    def examples(cls) -> list[tuple[Edit, Circuit]]:
        dense = Circuit().add("x", 3).connect("x", "y", Dense(), units=2)
        conv = Circuit().add("x", (2, 4, 4)).connect("x", "y", Conv(3, padding=1), units=2)
        twice = cls("x->y", [1]).apply(dense)[0]
        return [
            (cls("x->y", [0, 4]), dense),
            (cls("x->y", [7, 2]), conv),
            (cls("x->y", []), dense),
            (cls("x->y", [0]), twice),
        ]
