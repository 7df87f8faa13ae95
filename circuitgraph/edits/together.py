"""Several edits as one: one compilation, one entry in the log, one way back."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from circuitgraph.edits.edit import Edit
from circuitgraph.edits.inhibit import Inhibit
from circuitgraph.edits.prune import RemoveSlots
from circuitgraph.errors import StructureError
from circuitgraph.ir import Circuit, Remap, value
from circuitgraph.registry import edits
from circuitgraph.topologies import Dense


@edits.register("together")
@value
class Together(Edit):
    """Apply several edits, each to what the one before it left; if one fails, none was applied.

    Raises:
        StructureError: at once for what is no list of edits.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=2).connect("y", "z", cg.Dense(), units=1)
        >>> Together([RemoveSlots("x->y", [0, 5]), RemoveSlots("y->z", [1])]).apply(c)[0].n_slots
        5
    """

    edits: Any

    def __post_init__(self) -> None:
        if not isinstance(self.edits, Sequence) or not all(isinstance(e, Edit) for e in self.edits):
            raise StructureError(f"Together: edits (got {self.edits!r}, expected a list of edits)")
        object.__setattr__(self, "edits", tuple(self.edits))

    @property
    def reads_weights(self) -> bool:  # type: ignore[override]
        """Tell whether any of them looks at weights."""
        return any(edit.reads_weights for edit in self.edits)

    def apply(self, circuit: Circuit) -> tuple[Circuit, Remap]:
        remap = Remap()
        for edit in self.edits:
            circuit, step = edit.apply(circuit)
            remap = remap.then(step)
        return circuit, remap

    @classmethod
    def examples(cls) -> list[tuple[Edit, Circuit]]:
        chain = Circuit().add("x", 3).connect("x", "y", Dense(), units=2).connect("y", "z", Dense(), units=2)
        both = RemoveSlots("x->y", np.array([0, 4])), RemoveSlots("y->z", [3])
        twice = RemoveSlots("x->y", [0]), RemoveSlots("x->y", [0]), Inhibit("y")
        return [(cls(both), chain), (cls(twice), chain), (cls(()), chain)]
