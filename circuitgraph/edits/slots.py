"""Slots that come, and slots that change places."""

import dataclasses
from typing import Any, ClassVar

import numpy as np

from circuitgraph.edits.edit import Edit
from circuitgraph.edits.prune import RemoveSlots, check_reached
from circuitgraph.edits.units import reindexed
from circuitgraph.errors import ShapeError
from circuitgraph.ir import Circuit, Projection, Remap, Topology, value
from circuitgraph.ir.shape import Shape, n_neurons, n_sites
from circuitgraph.ir.topology import opened
from circuitgraph.ir.value import given_up, index_array, n_different
from circuitgraph.registry import edits
from circuitgraph.topologies import Conv, Dense, ErdosRenyi, Explicit, GraphEdges, Pruned


def whole_keys(topology: Topology, pre: Shape, post: Shape) -> tuple[int, np.ndarray]:
    """Say how many slots the whole law has, and which of them each present slot is.

    What a `Pruned` topology was pruned from is its whole law, and keys are that one's slots.  Wiring that lists pairs
    of neurons is part of all to all: key = post * n_pre + pre.  Edges of a data graph: key = post * n_sites + pre.
    Shape: -> (K,) int64.

    Example:
        >>> whole_keys(Explicit([1, 0], [0, 2]), (3,), (4,))
        (12, array([1, 6]))
    """
    n = n_whole(topology, pre, post)
    if isinstance(topology, Pruned):
        whole = topology.topology
        if not isinstance(whole, GraphEdges) and not whole.is_listed(pre, post):  # its keys are 0, 1, 2, ...
            return n, topology.keep.astype(np.int64, copy=False)
        return n, whole_keys(whole, pre, post)[1][topology.keep]
    if isinstance(topology, GraphEdges):
        return n, topology.post * n_sites(pre) + topology.pre
    listed = topology.listed(pre, post)
    return n, np.arange(n) if listed is None else listed[1].astype(np.int64) * n_neurons(pre) + listed[0]


def n_whole(topology: Topology, pre: Shape, post: Shape) -> int:
    """Count the slots of the whole law, of which `whole_keys` numbers those that are present.

    Example:
        >>> n_whole(Explicit([1, 0], [0, 2]), (3,), (4,))
        12
    """
    if isinstance(topology, Pruned):
        return n_whole(topology.topology, pre, post)
    if isinstance(topology, GraphEdges):
        return n_sites(pre) ** 2
    return n_neurons(pre) * n_neurons(post) if topology.is_listed(pre, post) else topology.n_slots(pre, post)


@edits.register("add-slots")
@value
class AddSlots(Edit):
    """Add slots to one projection, by their key in its whole law (see `whole_keys`).

    New slots have the weights given, zero by default, and come where the law's order puts them; behind the others
    where pairs are listed.  Shape: keys (R,), different and not there yet; weight (R,).

    Raises:
        ShapeError: at once for what is no list of different keys, or another number of weights; in `apply` for a key
            that is out of range or there already.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 2).connect("x", "y", cg.Pruned(cg.Dense(), [0, 3]), units=2, weight=[1.0, 2.0])
        >>> AddSlots("x->y", [2]).apply(c)[0].projection("x->y").weight.tolist()
        [1.0, 0.0, 2.0]
    """

    reads_weights: ClassVar[bool] = False

    projection: str
    keys: Any
    weight: Any = None

    def __post_init__(self) -> None:
        keys = index_array(self.keys, "AddSlots: keys")
        if n_different(keys) != len(keys):
            raise ShapeError(f"AddSlots: keys come twice (got {self.keys!r}, expected different keys (R,))")
        object.__setattr__(self, "keys", keys)
        object.__setattr__(self, "weight", as_weights(self.weight, len(keys), "AddSlots"))

    def apply(self, circuit: Circuit) -> tuple[Circuit, Remap]:
        p = circuit.projection(self.projection)
        if not len(self.keys):
            return circuit, Remap()
        whole, index = _extended(p, *circuit.shapes(p), self.keys)
        new = reindexed(p, whole, index)
        if self.weight is not None:
            weight, listed = new.weight.copy(), isinstance(whole, Explicit | GraphEdges)
            weight[index < 0] = self.weight if listed else self.weight[np.argsort(self.keys, kind="stable")]
            new = dataclasses.replace(new, weight=weight)
        return _with(circuit, new), Remap(slots={p.name: index})

    @classmethod
    def examples(cls) -> list[tuple[Edit, Circuit]]:
        start = Circuit().add("x", 3)
        pruned = start.connect("x", "y", Pruned(Dense(), [1, 4]), units=2)
        listed = start.connect("x", "y", Explicit([2, 0], [0, 1]), units=2)
        drawn = start.connect("x", "y", ErdosRenyi(0.4), units=3)
        conv = Circuit().add("x", (1, 4)).connect("x", "y", Pruned(Conv(3, padding=1), [0, 2]), units=1)
        free = np.setdiff1d(np.arange(9), whole_keys(ErdosRenyi(0.4), (3,), (3,))[1])
        return [
            (cls("x->y", [5, 0], [0.5, -0.5]), pruned),
            (cls("x->y", [5, 1]), listed),
            (cls("x->y", free[:2]), drawn),
            (cls("x->y", [1], [2.0]), conv),
            (cls("x->y", []), conv),
        ]


@edits.register("rewire")
@value
class Rewire(Edit):
    """Remove slots of one projection by index, and add as many or others by key: one edit, one compilation.

    A key whose slot is removed may come back, as a new slot.  Shape: slots (R,), keys (A,), weight (A,).

    Raises:
        ShapeError: as `RemoveSlots` and `AddSlots`.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 2).connect("x", "y", cg.Pruned(cg.Dense(), [0, 3]), units=2)
        >>> Rewire("x->y", [0], [1]).apply(c)[0].projection("x->y").topology
        Pruned(topology=Dense(), keep=[1, 3])
    """

    reads_weights: ClassVar[bool] = False

    projection: str
    slots: Any
    keys: Any
    weight: Any = None

    def __post_init__(self) -> None:
        remove, add = self._parts()
        for field, array in (("slots", remove.slots), ("keys", add.keys), ("weight", add.weight)):
            object.__setattr__(self, field, array)

    def _parts(self) -> tuple[RemoveSlots, AddSlots]:
        return RemoveSlots(self.projection, self.slots), AddSlots(self.projection, self.keys, self.weight)

    def apply(self, circuit: Circuit) -> tuple[Circuit, Remap]:
        remove, add = self._parts()
        fewer, first = remove.cut(circuit)
        changed, second = add.apply(fewer)
        check_reached(circuit, changed, self)
        return changed, first.then(second)

    @classmethod
    def examples(cls) -> list[tuple[Edit, Circuit]]:
        pruned = Circuit().add("x", 3).connect("x", "y", Pruned(Dense(), [1, 4]), units=2)
        return [(cls("x->y", [0], [5]), pruned), (cls("x->y", [1, 0], [4, 0], [1.0, 2.0]), pruned)]


def as_weights(weight: Any, n: int, where: str) -> np.ndarray | None:
    """Read one finite number for each of n slots; None stays None.

    Raises:
        ShapeError: for anything else.
    """
    if weight is None:
        return None
    a = np.array(weight, dtype=np.float64, ndmin=1)
    if a.shape != (n,) or not np.isfinite(a).all():
        raise ShapeError(f"{where}: weights (got shape {a.shape}, expected ({n},) of finite numbers)")
    a.flags.writeable = False
    return a


def _extended(p: Projection, pre: Shape, post: Shape, keys: np.ndarray) -> tuple[Topology, np.ndarray]:
    n, present = whole_keys(p.topology, pre, post)
    if keys.min() < 0 or keys.max() >= n:
        got = f"got {keys.min()} to {keys.max()}, expected 0 to {n - 1}"
        raise ShapeError(f"AddSlots: key of projection {p.name!r} out of range ({got})")
    law = p.topology.topology if isinstance(p.topology, Pruned) else p.topology
    listed = isinstance(law, GraphEdges) or law.is_listed(pre, post)
    rising, new = np.sort(present) if listed else present, np.sort(keys)
    at = np.searchsorted(rising, new)
    known = np.append(rising, -1)[at] == new
    if known.any():
        got = f"got key {new[int(np.argmax(known))]}, expected keys of slots that are missing"
        raise ShapeError(f"AddSlots: projection {p.name!r} has this slot already ({got})")
    if not listed:
        index = opened(at, len(present))
        merged = present[index] if len(present) else new.copy()
        merged[index < 0] = new
        return law if len(merged) == n else Pruned(law, given_up(merged)), given_up(index)
    every = np.concatenate([present, keys])
    index = np.concatenate([np.arange(len(present)), np.full(len(keys), -1)])
    if isinstance(law, GraphEdges):
        return GraphEdges(every % n_sites(pre), every // n_sites(pre)), index
    return Explicit(every % n_neurons(pre), every // n_neurons(pre)), index


def _with(circuit: Circuit, new: Projection) -> Circuit:
    projections = tuple(new if q.name == new.name else q for q in circuit.projections)
    return dataclasses.replace(circuit, projections=projections)
