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

    Example:
        >>> from circuitgraph.topologies import Conv
        >>> table = Conv(3, padding=1).slots((1, 4), (1, 4))
        >>> table.count.tolist(), table.pre_end
        ([3, 4, 3], 'unit')
    """

    pre: np.ndarray
    post: np.ndarray
    count: np.ndarray
    pre_end: End = "unit"
    post_end: End = "unit"

    def __len__(self) -> int:
        return len(self.pre)

    def take(self, keep: np.ndarray) -> "Slots":
        """Select rows, in the order given.

        Example:
            >>> from circuitgraph.topologies import Dense
            >>> Dense().slots((2,), (2,)).take(np.array([3, 0])).pre.tolist()
            [1, 0]
        """
        return Slots(self.pre[keep], self.post[keep], self.count[keep], self.pre_end, self.post_end)

    def check(self, pre: Shape, post: Shape) -> None:
        """Raise ShapeError unless every end is in range and every slot has a synapse."""
        _one_length("slots", self.pre, self.post, self.count)
        _in_range("slots", "pre", self.pre, n_ends(pre, self.pre_end))
        _in_range("slots", "post", self.post, n_ends(post, self.post_end))
        if len(self.count) and self.count.min() < 1:
            raise ShapeError(f"slots: slot {int(self.count.argmin())} has no synapse; leave it out of the table")


@dataclass(frozen=True, eq=False)
class Synapses:
    """One row per edge between two neurons, sorted by (post, pre, slot), unique.

    Shape: pre, post, slot (E,) int64; coef (E,) float64.

    Example:
        >>> table = Synapses.build([1, 0], [0, 0], [0, 1])
        >>> table.pre.tolist(), table.slot.tolist(), table.coef.tolist()
        ([0, 1], [1, 0], [1.0, 1.0])
    """

    pre: np.ndarray
    post: np.ndarray
    slot: np.ndarray
    coef: np.ndarray

    @classmethod
    def build(cls, pre: np.ndarray, post: np.ndarray, slot: np.ndarray, coef: np.ndarray | float = 1.0) -> "Synapses":
        """Sort loose columns of equal size, of any shape, into a table; `coef` may be one number for all.

        Raises:
            ShapeError: if the columns differ in size.
        """
        pre, post, slot = (np.ascontiguousarray(a, dtype=np.int64).reshape(-1) for a in (pre, post, slot))
        full = np.asarray(coef, dtype=np.float64).reshape(-1)
        full = np.full(len(pre), full[0]) if np.ndim(coef) == 0 else full
        _one_length("synapses", pre, post, slot, full)
        order = np.lexsort((slot, pre, post))
        return cls(pre[order], post[order], slot[order], full[order])

    def __len__(self) -> int:
        return len(self.pre)

    def keep_slots(self, keep: np.ndarray, n_slots: int) -> "Synapses":
        """Drop the synapses of other slots and renumber: slot keep[k] becomes k.  `keep` rises, which keeps the order.

        Example:
            >>> from circuitgraph.topologies import Dense
            >>> Dense().synapses((2,), (2,)).keep_slots(np.array([1, 2]), 4).pre.tolist()
            [1, 0]
        """
        new = np.full(n_slots, -1, dtype=np.int64)
        new[keep] = np.arange(len(keep))
        slot = new[self.slot]
        alive = slot >= 0
        return Synapses(self.pre[alive], self.post[alive], slot[alive], self.coef[alive])

    def check(self, pre: Shape, post: Shape, n_slots: int) -> None:
        """Raise ShapeError unless the table is in range, sorted, unique and finite."""
        _one_length("synapses", self.pre, self.post, self.slot, self.coef)
        _in_range("synapses", "pre", self.pre, n_neurons(pre))
        _in_range("synapses", "post", self.post, n_neurons(post))
        _in_range("synapses", "slot", self.slot, n_slots)
        step = np.diff(np.stack([self.post, self.pre, self.slot]), axis=1)
        later = (step[0] > 0) | ((step[0] == 0) & ((step[1] > 0) | ((step[1] == 0) & (step[2] > 0))))
        if not later.all():
            row = int(np.argmin(later)) + 1
            raise ShapeError(f"synapses: row {row} repeats or precedes the row before; sort by post, pre, slot")
        if not np.isfinite(self.coef).all():
            raise ShapeError("synapses: coef holds NaN or infinity")


def _one_length(table: str, *columns: np.ndarray) -> None:
    sizes = [len(column) for column in columns]
    if len(set(sizes)) > 1:
        raise ShapeError(f"{table}: columns differ in length (got {sizes}, expected one length)")


def _in_range(table: str, column: str, index: np.ndarray, size: int) -> None:
    if len(index) and (index.min() < 0 or index.max() >= size):
        bad = index.min() if index.min() < 0 else index.max()
        raise ShapeError(f"{table}: {column} out of range (got {int(bad)}, expected 0 to {size - 1})")
