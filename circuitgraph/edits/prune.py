"""Removing slots: what is gone is gone, no mask stays behind."""

from typing import Any, ClassVar

import numpy as np

from circuitgraph.edits.edit import Edit
from circuitgraph.errors import ShapeError, StructureError
from circuitgraph.ir import Circuit, Remap, value
from circuitgraph.ir.value import given_up, index_array, n_different
from circuitgraph.registry import edits
from circuitgraph.topologies import Conv, Dense, Pruned


@edits.register("remove-slots")
@value
class RemoveSlots(Edit):
    """Remove slots of one projection, by index; the topology becomes `Pruned`.

    Shape: slots (R,), different indices below the projection's number of slots.

    Raises:
        ShapeError: at once for what is no list of different indices; in `apply` for one out of range.
        StructureError: in `apply` if no input would reach an output any more.

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
        if n_different(slots) != len(slots):
            raise ShapeError(f"RemoveSlots: slots come twice (got {self.slots!r}, expected different indices (R,))")
        object.__setattr__(self, "slots", slots)

    def apply(self, circuit: Circuit) -> tuple[Circuit, Remap]:
        changed, remap = self.cut(circuit)
        check_reached(circuit, changed, self)
        return changed, remap

    def cut(self, circuit: Circuit) -> tuple[Circuit, Remap]:
        """Remove the slots, whatever becomes of the outputs."""
        old = circuit.projection(self.projection)
        if not len(self.slots):
            return circuit, Remap()
        if self.slots.min() < 0 or self.slots.max() >= old.n_slots:
            got = f"got {self.slots.min()} to {self.slots.max()}, expected 0 to {old.n_slots - 1}"
            raise ShapeError(f"{self!r}: slot out of range ({got})")
        alive = np.ones(old.n_slots, bool)
        alive[self.slots] = False
        keep = given_up(np.flatnonzero(alive))
        new = circuit.replace_projection(
            old.name,
            topology=Pruned(old.topology, keep),
            weight=given_up(old.weight[keep]),
            attributes={k: v[keep] for k, v in old.attributes.items()},
            ids=keep if old.ids is None else given_up(old.ids[keep]),
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


def check_reached(before: Circuit, after: Circuit, edit: Edit) -> None:
    """Raise StructureError if an output that an input could reach before can be reached by none any more."""
    lost = sorted(reached_outputs(before) & {p.name for p in after.populations} - reached_outputs(after))
    if lost:
        mend = "remove less, or remove the population"
        raise StructureError(f"{edit!r}: would disconnect an output (got {lost}, expected a way from an input); {mend}")


def reached_outputs(circuit: Circuit) -> set[str]:
    """Name the output populations that hear an input, through projections that have slots."""
    wired = [p for p in circuit.projections if p.n_slots]
    found = {p.name for p in circuit.populations} - {p.post for p in circuit.projections}
    while more := {p.post for p in wired if p.pre in found} - found:
        found |= more
    return found - {p.pre for p in circuit.projections if p.pre != p.post}
