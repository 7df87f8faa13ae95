"""Removing slots: what is gone is gone, no mask stays behind."""

from typing import Any

import numpy as np

from circuitgraph.edits.edit import Edit
from circuitgraph.errors import ShapeError
from circuitgraph.ir import Circuit, Remap, carry, value
from circuitgraph.ir.value import frozen_array
from circuitgraph.registry import edits
from circuitgraph.topologies import Conv, Dense, Pruned


@edits.register("remove-slots")
@value
class RemoveSlots(Edit):
    """Remove slots of one projection, by index; the topology becomes `Pruned`.

    Shape: slots (R,), different indices below the projection's number of slots.
    """

    projection: str
    slots: Any

    def __post_init__(self) -> None:
        slots = frozen_array(self.slots if np.size(self.slots) else np.zeros(0), np.int64)
        if slots.ndim != 1 or len(np.unique(slots)) != len(slots):
            raise ShapeError(f"RemoveSlots: slots (got {self.slots!r}, expected different indices (R,))")
        object.__setattr__(self, "slots", slots)

    def apply(self, circuit: Circuit) -> tuple[Circuit, Remap]:
        old = circuit.projection(self.projection)
        if not len(self.slots):
            return circuit, Remap()
        if self.slots.min() < 0 or self.slots.max() >= old.n_slots:
            raise ShapeError(f"{self!r}: slot out of range (got {self.slots.min()} to {self.slots.max()}, expected 0 to {old.n_slots - 1})")
        keep = np.delete(np.arange(old.n_slots), self.slots)
        none = np.zeros(len(keep))
        new = circuit.replace_projection(
            old.name,
            topology=Pruned(old.topology, keep),
            weight=carry(keep, old.weight, none.astype(old.weight.dtype)),
            attributes={k: v[keep] for k, v in old.attributes.items()},
            ids=old.slot_ids[keep],
        )
        return new, Remap(slots={old.name: keep})

    @classmethod
    def examples(cls) -> list[tuple[Edit, Circuit]]:
        dense = Circuit().add("x", 3).connect("x", "y", Dense(), units=2)
        conv = Circuit().add("x", (2, 4, 4)).connect("x", "y", Conv(3, padding=1), units=2)
        twice = cls("x->y", [1]).apply(dense)[0]
        return [(cls("x->y", [0, 4]), dense), (cls("x->y", [7, 2]), conv), (cls("x->y", []), dense), (cls("x->y", [0]), twice)]
