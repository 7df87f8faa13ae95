"""What an edit did to indices: the one thing that everything aligned with units or slots is carried by."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from circuitgraph.errors import ShapeError
from circuitgraph.ir.value import given_up, index_array, n_different, rebuild

Indices = Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Remap:
    """Map new indices to old ones, -1 for what is new.

    `units[name]` (U_new,) for each population and `slots[name]` (K_new,) for each projection that changed;
    a name that is absent kept all of its indices.  `removed` names populations and projections that are gone.
    `rewritten[name]` (R,) lists new slot indices of survivors whose weight the edit set anew: their id, attributes and
    optimiser state stay, the weight is that of the edited circuit.

    Raises:
        ShapeError: if a table is not a flat list of integers of at least -1, or a rewritten slot is no survivor.

    Example:
        >>> prune = Remap(slots={"x->y": [0, 2, 3]})
        >>> grow = Remap(slots={"x->y": [0, 1, 2, -1]})
        >>> prune.then(grow).slots["x->y"].tolist()
        [0, 2, 3, -1]
    """

    units: Indices = field(default_factory=dict)
    slots: Indices = field(default_factory=dict)
    removed: frozenset[str] = frozenset()
    rewritten: Indices = field(default_factory=dict)

    def __post_init__(self) -> None:
        for what in ("units", "slots"):
            tables = {k: _table(index, f"remap: {what} of {k!r}") for k, index in getattr(self, what).items()}
            object.__setattr__(self, what, MappingProxyType(tables))
        object.__setattr__(self, "removed", frozenset(self.removed))
        rewritten = {k: _survivors(self.slots.get(k), at, k) for k, at in self.rewritten.items()}
        object.__setattr__(self, "rewritten", MappingProxyType({k: at for k, at in rewritten.items() if len(at)}))

    @property
    def is_identity(self) -> bool:
        """Tell whether every index is where it was, which is when no name is listed.

        A table that counts 0, 1, 2 may still have lost its last rows, so a listed table is a change.
        """
        return not (self.units or self.slots or self.removed or self.rewritten)

    def then(self, later: "Remap") -> "Remap":
        """Compose: first this remap, then `later`.  Carrying by the result is carrying twice.

        A name that is removed and then listed again is a new one: its table is -1 throughout.

        Raises:
            ShapeError: if `later` starts from other sizes than this one ends with.
        """
        slots = _compose("slots", self.slots, later.slots, self.removed, later.removed)
        return Remap(
            _compose("units", self.units, later.units, self.removed, later.removed),
            slots,
            (self.removed - later.units.keys() - later.slots.keys()) | later.removed,
            _both_rewritten(self, later, slots),
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Remap):
            return NotImplemented
        return self.removed == other.removed and all(
            a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)
            for a, b in ((self.units, other.units), (self.slots, other.slots), (self.rewritten, other.rewritten))
        )

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[object, ...]:
        fields = {"units": dict(self.units), "slots": dict(self.slots), "removed": self.removed}
        fields["rewritten"] = dict(self.rewritten)
        return rebuild, (type(self), fields)


def carry(index: np.ndarray, old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Carry one array along its first axis: survivors from `old`, the rest (index -1) from `new`.

    Shape: index (N_new,), old (N_old, ...), new (N_new, ...) -> (N_new, ...), of the type of `new`.

    Raises:
        ShapeError: if the sizes do not fit, or an index is below -1.

    Example:
        >>> carry(np.array([2, -1]), np.array([10, 11, 12]), np.array([0, 7])).tolist()
        [12, 7]
    """
    if len(index) != len(new) or old.shape[1:] != new.shape[1:]:
        raise ShapeError(f"carry: sizes do not fit (got index {len(index)}, old {old.shape}, new {new.shape})")
    if len(index) and (index.min() < -1 or index.max() >= len(old)):
        bad = index.min() if index.min() < -1 else index.max()
        raise ShapeError(f"carry: index out of range (got {int(bad)}, expected -1 to {len(old) - 1})")
    if not len(old):
        return np.array(new)
    # One pass for nearly all, the few that are new after it: an edit of ten million slots is a dozen such passes.
    out: np.ndarray = old[index].astype(new.dtype, copy=False)
    born = np.flatnonzero(index < 0)
    out[born] = new[born]
    return out


def _table(index: np.ndarray, where: str) -> np.ndarray:
    out = index_array(index, where)
    if len(out) and out.min() < -1:
        raise ShapeError(f"{where}: index out of range (got {int(out.min())}, expected -1 or more)")
    return out


def _survivors(index: np.ndarray | None, at: np.ndarray, name: str) -> np.ndarray:
    """Read which slots of a projection are rewritten, in order; ShapeError for one that is new or does not exist."""
    out: np.ndarray = np.sort(_table(at, f"remap: rewritten slots of {name!r}"))
    if not len(out):
        return out
    size = None if index is None else len(index)
    known = out[0] >= 0 and n_different(out) == len(out) and (size is None or out[-1] < size)
    if not known or (index is not None and (index[out] < 0).any()):
        got = f"got {out[:8].tolist()}, expected different slots that survive"
        raise ShapeError(f"remap: rewritten slots of {name!r} ({got})")
    return out


def _both_rewritten(first: "Remap", later: "Remap", slots: Indices) -> dict[str, np.ndarray]:
    """Say which survivors of two remaps either has rewritten."""
    out = dict(later.rewritten)
    for name, at in first.rewritten.items():
        if name in later.removed:
            continue
        moved = at
        if name in later.slots:
            moved = np.flatnonzero(np.isin(later.slots[name], at))
        out[name] = np.union1d(out.get(name, at[:0]), moved)
    return {name: at[slots[name][at] >= 0] if name in slots else at for name, at in out.items()}


def _compose(
    what: str, first: Indices, later: Indices, gone: frozenset[str], removed: frozenset[str]
) -> dict[str, np.ndarray]:
    out = {k: v for k, v in first.items() if k not in removed}
    for name, index in later.items():
        known = 0 if name in (gone - first.keys()) | removed else len(first[name]) if name in first else None
        if known is not None and len(index) and index.max() >= known:
            got = f"got index {int(index.max())}, expected below {known}"
            raise ShapeError(f"remap: {what} of {name!r} do not chain ({got}); compose edits in the order applied")
        if known and name in first:
            carried = first[name][index]
            carried[index < 0] = -1
            out[name] = given_up(carried)
        else:
            out[name] = index
    return out
