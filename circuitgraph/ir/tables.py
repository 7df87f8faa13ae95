"""The two tables of a projection: slots (independent weights) and synapses (edges between neurons)."""

from dataclasses import dataclass

import numpy as np

from circuitgraph.errors import ShapeError
from circuitgraph.ir.shape import End, Shape, n_ends, n_neurons


@dataclass(frozen=True, eq=False)
class Slots:
    """One row per independent weight.

    Shape: pre, post, count (K,) int64.  `count` synapses share the slot; pre and post are indices of
    units, sites or neurons, as `pre_end` and `post_end` say.
    """

    pre: np.ndarray
    post: np.ndarray
    count: np.ndarray
    pre_end: End = "unit"
    post_end: End = "unit"

    def __len__(self) -> int:
        return len(self.pre)

    def take(self, keep: np.ndarray) -> "Slots":
        """Select rows, in the order given."""
        return Slots(self.pre[keep], self.post[keep], self.count[keep], self.pre_end, self.post_end)

    def check(self, pre: Shape, post: Shape) -> None:
        """Raise ShapeError unless every end is in range and every slot has a synapse."""
        _in_range("slots", "pre", self.pre, n_ends(pre, self.pre_end))
        _in_range("slots", "post", self.post, n_ends(post, self.post_end))
        if len(self.count) and self.count.min() < 1:
            raise ShapeError(f"slots: slot {int(self.count.argmin())} has no synapse; leave it out of the table")


@dataclass(frozen=True, eq=False)
class Synapses:
    """One row per edge between two neurons, sorted by (post, pre, slot), unique.

    Shape: pre, post, slot (E,) int64; coef (E,) float64.
    """

    pre: np.ndarray
    post: np.ndarray
    slot: np.ndarray
    coef: np.ndarray

    @classmethod
    def build(cls, pre: np.ndarray, post: np.ndarray, slot: np.ndarray, coef: np.ndarray | float = 1.0) -> "Synapses":
        """Sort loose columns into a table."""
        pre, post, slot = (np.ascontiguousarray(a, dtype=np.int64).reshape(-1) for a in (pre, post, slot))
        order = np.lexsort((slot, pre, post))
        full = np.broadcast_to(np.asarray(coef, dtype=np.float64).reshape(-1), pre.shape) if len(pre) else np.zeros(0)
        return cls(pre[order], post[order], slot[order], np.ascontiguousarray(full[order]))

    def __len__(self) -> int:
        return len(self.pre)

    def keep_slots(self, keep: np.ndarray, n_slots: int) -> "Synapses":
        """Drop the synapses of other slots and renumber: slot keep[k] becomes k."""
        new = np.full(n_slots, -1, dtype=np.int64)
        new[keep] = np.arange(len(keep))
        slot = new[self.slot]
        alive = slot >= 0
        return Synapses(self.pre[alive], self.post[alive], slot[alive], self.coef[alive])

    def check(self, pre: Shape, post: Shape, n_slots: int) -> None:
        """Raise ShapeError unless the table is in range, sorted, unique and finite."""
        _in_range("synapses", "pre", self.pre, n_neurons(pre))
        _in_range("synapses", "post", self.post, n_neurons(post))
        _in_range("synapses", "slot", self.slot, n_slots)
        keys = np.stack([self.post, self.pre, self.slot])
        step = np.diff(keys, axis=1)
        later = (step[0] > 0) | ((step[0] == 0) & ((step[1] > 0) | ((step[1] == 0) & (step[2] > 0))))
        if not later.all():
            raise ShapeError(f"synapses: row {int(np.argmin(later)) + 1} repeats or precedes the row before; sort by post, pre, slot")
        if not np.isfinite(self.coef).all():
            raise ShapeError("synapses: coef holds NaN or infinity")


def _in_range(table: str, column: str, index: np.ndarray, size: int) -> None:
    if len(index) and (index.min() < 0 or index.max() >= size):
        bad = index.min() if index.min() < 0 else index.max()
        raise ShapeError(f"{table}: {column} out of range (got {int(bad)}, expected 0 to {size - 1})")
