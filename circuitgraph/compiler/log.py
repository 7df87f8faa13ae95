"""What happened to a network's structure: every edit, in order, and the way back."""

import os
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from circuitgraph.edits import Edit, n_whole
from circuitgraph.errors import StructureError
from circuitgraph.io import load_edits, save_edits
from circuitgraph.ir import Circuit, Remap
from circuitgraph.ir.topology import moved_to

if TYPE_CHECKING:
    from circuitgraph.views import Frame

Ids = Mapping[str, np.ndarray]
DEPTH = 8
"""Edits that can be undone: each keeps the wiring of before, and what was lost."""


@dataclass(frozen=True)
class Entry:
    """One edit: when, why, what, and whom it touched.  Ids by population and projection, (R,) each."""

    step: int
    edit: Edit
    reason: str
    born_units: Ids
    removed_units: Ids
    born_slots: Ids
    removed_slots: Ids
    counts: Mapping[str, float]
    changed: bool = True


@dataclass(frozen=True)
class Undo:
    """The wiring of before an edit, the way back to it, and the weights and memory that the edit took away."""

    circuit: Circuit
    remap: Remap
    weights: Mapping[str, tuple[np.ndarray, Tensor]]
    memory: Mapping[tuple[str, str], tuple[np.ndarray, Tensor]]


@dataclass
class Log:
    """The structural history of a network, oldest edit first.

    `step` is the training step that further edits are dated with.  `watch` names numbers that are worked out of the
    circuit after every edit (modularity, say); with units, slots and density they make the curves.

    Example:
        >>> import circuitgraph as cg
        >>> net = cg.compile(cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=2))
        >>> remap = net.edit(cg.RemoveSlots("x->y", [0, 5]), reason="weak")
        >>> net.log.entries[0].removed_slots["x->y"].tolist()
        [0, 5]
    """

    step: int = 0
    watch: dict[str, Callable[[Circuit], float]] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    undos: deque[Undo] = field(default_factory=lambda: deque(maxlen=DEPTH))

    def add(
        self, edit: Edit, reason: str, before: Circuit, after: Circuit, remap: Remap, *, changed: bool = True
    ) -> None:
        """Write down an edit; one that changed nothing is written down as that."""
        counts = counts_of(after) | {name: float(f(after)) for name, f in self.watch.items()}
        units = [{p.name: p.unit_ids for p in c.populations} for c in (before, after)]
        slots = [{p.name: p.slot_ids for p in c.projections} for c in (before, after)]
        born_units, lost_units = _changed(units[0], units[1], remap.units)
        born_slots, lost_slots = _changed(slots[0], slots[1], remap.slots)
        touched = born_units, lost_units, born_slots, lost_slots
        self.entries.append(Entry(self.step, edit, reason, *touched, counts, changed))

    def to_pandas(self) -> "Frame":
        """Give one row per edit and name: step, edit, reason, name, what ("units" or "slots"), born, removed (ids)."""
        from circuitgraph.views import frame

        rows = []
        for k, e in enumerate(self.entries):
            touched = [(n, "units", e.born_units, e.removed_units) for n in {*e.born_units, *e.removed_units}]
            touched += [(n, "slots", e.born_slots, e.removed_slots) for n in {*e.born_slots, *e.removed_slots}]
            for name, what, born, removed in sorted(touched, key=lambda t: (t[1], t[0])) or [("", "nothing", {}, {})]:
                ids = {"born": born.get(name, _NONE), "removed": removed.get(name, _NONE)}
                sizes = {f"n_{key}": len(value) for key, value in ids.items()}
                row = {"edit": k, "step": e.step, "kind": type(e.edit).name, "reason": e.reason, "name": name}
                rows.append(row | {"what": what} | sizes | ids)
        return frame(rows, ["edit", "step", "kind", "reason", "name", "what", "n_born", "n_removed", "born", "removed"])

    def curves(self) -> "Frame":
        """Give one row per edit: step, units and slots in all and of each name, densities, and what is watched."""
        from circuitgraph.views import frame

        return frame([{"step": e.step} | dict(e.counts) for e in self.entries], ["step"])

    def replay(self, circuit: Circuit) -> Circuit:
        """Apply all edits to a circuit like the one they began with; the result has the same structure and ids.

        Raises:
            CircuitGraphError: of the kind that an edit raises, if the circuit is another one.
        """
        for entry in self.entries:
            circuit, _ = entry.edit.apply(circuit)
        return circuit

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all edits, with step and reason, to one safetensors file.

        Raises:
            FileError: for an edit that is not registered.
        """
        save_edits([(e.step, e.reason, e.edit) for e in self.entries], path)


def replay(path: str | os.PathLike[str], circuit: Circuit) -> Circuit:
    """Apply the edits of a file that `Log.save` wrote.

    Raises:
        FileError: if the file is not one of these.
        CircuitGraphError: of the kind that an edit raises, if the circuit is not like the one they began with.
    """
    for _, _, edit in load_edits(path):
        circuit, _ = edit.apply(circuit)
    return circuit


def counts_of(circuit: Circuit) -> dict[str, float]:
    """Count units and slots, and give each projection's share of the slots that its whole law has."""
    counts: dict[str, float] = {"units": circuit.n_units, "slots": circuit.n_slots}
    counts |= {f"units {p.name}": p.n_units for p in circuit.populations}
    for p in circuit.projections:
        counts[f"slots {p.name}"] = p.n_slots
        counts[f"density {p.name}"] = p.n_slots / max(1, whole_size(circuit, p.name))
    return counts


def whole_size(circuit: Circuit, name: str) -> int:
    """Count the slots of a projection's whole law."""
    return n_whole(circuit.projection(name).topology, *circuit.shapes(name))


def take_undo(undos: deque[Undo]) -> Undo:
    """Take the last way back; StructureError if there is none."""
    if not undos:
        raise StructureError(f"undo: nothing to undo (got no edit, of which the last {DEPTH} are kept)")
    return undos.pop()


_NONE = np.array([], dtype=np.int64)


def _changed(before: Ids, after: Ids, tables: Ids) -> tuple[Ids, Ids]:
    """Find the ids that came and went, by name."""
    born = {name: ids for name, ids in after.items() if name not in before}
    lost = {name: ids for name, ids in before.items() if name not in after}
    for name, index in tables.items():
        if name in before and name in after:
            born[name] = after[name][index < 0]
            lost[name] = before[name][moved_to(index, len(before[name])) < 0]
    return {n: ids for n, ids in born.items() if len(ids)}, {n: ids for n, ids in lost.items() if len(ids)}
