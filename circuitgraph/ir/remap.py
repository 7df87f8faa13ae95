"""What an edit did to indices: the one thing that everything aligned with units or slots is carried by."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from circuitgraph.errors import ShapeError


@dataclass(frozen=True, eq=False)
class Remap:
    """Map new indices to old ones, -1 for what is new.

    `units[name]` (U_new,) for each population and `slots[name]` (K_new,) for each projection that changed;
    a name that is absent kept all of its indices.  `removed` names populations and projections that are gone.
    """

    units: Mapping[str, np.ndarray] = field(default_factory=dict)
    slots: Mapping[str, np.ndarray] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()

    @property
    def is_identity(self) -> bool:
        """Tell whether every index is where it was."""
        tables = [*self.units.values(), *self.slots.values()]
        return not self.removed and all(np.array_equal(t, np.arange(len(t))) for t in tables)

    def then(self, later: "Remap") -> "Remap":
        """Compose: first this remap, then `later`.

        Raises:
            ShapeError: if `later` starts from other sizes than this one ends with.
        """
        return Remap(
            _compose("units", self.units, later.units, later.removed),
            _compose("slots", self.slots, later.slots, later.removed),
            self.removed | later.removed,
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Remap):
            return NotImplemented
        return self.removed == other.removed and all(
            a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)
            for a, b in ((self.units, other.units), (self.slots, other.slots))
        )


def carry(index: np.ndarray, old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Carry one array along its first axis: survivors from `old`, the rest (index -1) from `new`.

    Shape: index (N_new,), old (N_old, ...), new (N_new, ...) -> (N_new, ...).
    """
    if len(index) != len(new) or (len(index) and index.max() >= len(old)):
        raise ShapeError(f"carry: sizes do not fit (got index {len(index)}, old {len(old)}, new {len(new)})")
    out = np.array(new)
    out[index >= 0] = old[index[index >= 0]]
    return out


def _compose(what: str, first: Mapping, later: Mapping, removed: frozenset[str]) -> dict[str, np.ndarray]:
    out = {k: v for k, v in first.items() if k not in removed}
    for name, index in later.items():
        if name in out:
            if len(index) and index.max() >= len(out[name]):
                raise ShapeError(f"remap: {what} of {name!r} do not chain (got index {index.max()}, expected below {len(out[name])})")
            index = np.where(index >= 0, out[name][index], -1) if len(out[name]) else index
        out[name] = index
    return out
