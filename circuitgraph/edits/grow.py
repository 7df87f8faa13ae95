"""Units that are removed, and units that are born: neurogenesis as node insertion."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from circuitgraph.edits.edit import Edit
from circuitgraph.edits.prune import check_reached
from circuitgraph.edits.slots import AddSlots, as_weights
from circuitgraph.edits.units import change_units, tied_units
from circuitgraph.errors import ShapeError, StructureError
from circuitgraph.ir import Circuit, Projection, Remap, Topology, value
from circuitgraph.ir.init import stream
from circuitgraph.ir.shape import is_integer, n_neurons, n_sites
from circuitgraph.ir.value import index_array, n_different
from circuitgraph.registry import edits
from circuitgraph.topologies import Conv, Dense, Explicit, GraphConv, OneToOne, Pool, Pruned


@edits.register("remove-units")
@value
class RemoveUnits(Edit):
    """Remove units of one population with all their slots; populations tied to it one to one lose theirs too.

    Shape: units (R,), different indices.

    Raises:
        ShapeError: at once for what is no list of different indices; in `apply` for one out of range.
        StructureError: in `apply` if no unit were left, a law cannot follow (a grouped convolution), or no input would
            reach an output any more.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=4).connect("y", "z", cg.Dense(), units=2)
        >>> RemoveUnits("y", [0, 2]).apply(c)[0].summary()
        '3 populations, 7 units, 7 neurons, 10 slots, 10 synapses'
    """

    reads_weights: ClassVar[bool] = False

    population: str
    units: Any

    def __post_init__(self) -> None:
        units = index_array(self.units, "RemoveUnits: units")
        if n_different(units) != len(units):
            raise ShapeError(f"RemoveUnits: units come twice (got {self.units!r}, expected different indices (R,))")
        object.__setattr__(self, "units", units)

    def apply(self, circuit: Circuit) -> tuple[Circuit, Remap]:
        p = circuit.population(self.population)
        if not len(self.units):
            return circuit, Remap()
        if self.units.min() < 0 or self.units.max() >= p.n_units:
            got = f"got {self.units.min()} to {self.units.max()}, expected 0 to {p.n_units - 1}"
            raise ShapeError(f"{self!r}: unit out of range ({got})")
        keep = np.delete(np.arange(p.n_units), self.units)
        changed, remap = change_units(circuit, {p.name: keep})
        check_reached(circuit, changed, self)
        return changed, remap

    @classmethod
    def examples(cls) -> list[tuple[Edit, Circuit]]:
        grown: list[tuple[Edit, Circuit]] = [(cls(name, [0, 2]), circuit) for name, circuit in _grown_circuits()]
        return [*grown, (cls("y", []), _dense())]


@edits.register("tidy")
@value
class Tidy(Edit):
    """Remove hidden units that hear nobody or that nobody hears, and whatever that leaves without input or output.

    Input and output populations keep their units, and so do populations tied to one of them.  A unit that hears nobody
    is taken to be silent, as a rectified one is; one with an offset of its own (a normalised or an exponential neuron)
    handed on a constant, which is lost.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 2).connect("x", "y", cg.Explicit([0, 1], [0, 1]), units=3)
        >>> Tidy().apply(c.connect("y", "z", cg.Dense(), units=1))[0].population("y").n_units
        2
    """

    reads_weights: ClassVar[bool] = False

    def apply(self, circuit: Circuit) -> tuple[Circuit, Remap]:
        start, remap = circuit, Remap()
        while found := _useless(circuit):
            circuit, step = RemoveUnits(*found).apply(circuit)
            remap = remap.then(step)
        check_reached(start, circuit, self)
        return circuit, remap

    @classmethod
    def examples(cls) -> list[tuple[Edit, Circuit]]:
        start = Circuit().add("x", 3).connect("x", "y", Explicit([0, 1, 2], [0, 1, 3]), units=4)
        return [(cls(), start.connect("y", "z", Explicit([0, 2, 3], [0, 1, 0]), units=2)), (cls(), _dense())]


@edits.register("grow")
@value
class Grow(Edit):
    """Add units to a population and to those tied to it, so that no output changes at birth.

    Newcomers hear what their population hears: dense laws connect them to all, pruned and listed wiring as densely as
    the present units.  Incoming weights are normal, `scale` times the size of the population's own (root mean square of
    each projection, or 1 / sqrt(fan-in) where that is zero), drawn from `seed`, unless `incoming` gives them: rows of
    what each newcomer hears, projection after projection in the circuit's order, slots in order.  Outgoing weights are
    zero.  Neurons that compete across units (softmax, k winners, triangle) and normalisation over units do see a
    newcomer; where that matters, give `incoming` zeros.

    Raises:
        ShapeError: for a number of units below 1, or rows of another length.
        StructureError: in `apply` for an input population, which has no data for new units.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=2).connect("y", "z", cg.Dense(), units=1)
        >>> Grow("y", 2).apply(c)[0].projection("y->z").weight[2:].tolist()
        [0.0, 0.0]
    """

    population: str
    units: int
    incoming: Any = None
    scale: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not is_integer(self.units, 1) or not is_integer(self.seed, 0):
            raise ShapeError(
                f"Grow: units and seed (got {self.units!r} and {self.seed!r}, expected integers from 1 and 0)"
            )
        if self.incoming is not None:
            rows = np.array(self.incoming, dtype=np.float64, ndmin=2)
            if len(rows) != self.units:
                raise ShapeError(f"Grow: incoming (got {len(rows)} rows, expected one for each of {self.units} units)")
            as_weights(rows.ravel(), rows.size, "Grow: incoming")
            rows.flags.writeable = False
            object.__setattr__(self, "incoming", rows)

    def apply(self, circuit: Circuit) -> tuple[Circuit, Remap]:
        p = circuit.population(self.population)
        index = np.append(np.arange(p.n_units), np.full(self.units, -1))
        units = tied_units(circuit, {p.name: index})
        heard = {q.post for q in circuit.projections}
        if strangers := sorted(units.keys() - heard):
            got = f"got {strangers}, expected populations that hear another"
            raise StructureError(f"{self!r}: an input population has no data for new units ({got})")
        changed, remap = change_units(circuit, {p.name: index})
        for q in circuit.projections:
            if q.pre in units or q.post in units:
                changed, more = _wire(circuit, changed, q, units, self.seed).apply(changed)
                remap = remap.then(more)
        return self._born(changed, remap), remap

    def _born(self, circuit: Circuit, remap: Remap) -> Circuit:
        """Give newcomers their incoming weights."""
        given, start = self.incoming, 0
        for q in circuit.projections:
            if q.name not in remap.slots or not q.topology.plastic or q.fixed:
                continue
            at, owner = _births(circuit, q, remap)
            rng = stream(self.seed, f"newcomers of {self.population} in {q.name}")
            weight, values = q.weight.copy(), self.scale * _size(circuit, q) * rng.standard_normal(len(at))
            if given is not None and q.post == self.population:
                each, rank = _even(owner, self.units, q.name), np.argsort(np.argsort(owner, kind="stable"))
                self._check_rows(start + each, least=True)
                values, start = given[:, start : start + each].ravel()[rank], start + each
            weight[at] = q.sign * np.abs(values) if q.sign else values
            circuit = circuit.replace_projection(q.name, weight=weight)
        self._check_rows(start)
        return circuit

    def _check_rows(self, expected: int, *, least: bool = False) -> None:
        found = expected if self.incoming is None else self.incoming.shape[1]
        if found < expected or (found > expected and not least):
            raise ShapeError(f"{self!r}: incoming (got rows of {found}, expected {expected} numbers each)")

    @classmethod
    def examples(cls) -> list[tuple[Edit, Circuit]]:
        fixed = cls("y", 1, [[0.5, -0.5, 1.0, 0.0]])
        drawn: list[tuple[Edit, Circuit]] = [(cls(name, 2, seed=1), circuit) for name, circuit in _grown_circuits()]
        return [*drawn, (fixed, _dense(4))]


def _births(circuit: Circuit, q: Projection, remap: Remap) -> tuple[np.ndarray, np.ndarray]:
    """List the new slots onto newcomers that carry what others say, and the newcomer of each.

    Slots between two newcomers do so only where they are tied: within a population they start at zero.
    """
    pre, post = circuit.shapes(q)
    law, at = q.topology, np.flatnonzero(remap.slots[q.name] < 0)
    if isinstance(law, Pruned):  # whose table may be long: that of the new slots is enough
        table = Pruned(law.topology, law.keep[at]).slots(pre, post)
    else:
        table = law.slots(pre, post).take(at)
    at_post = _unit(table.post, table.post_end, post)
    heard = _is_new(remap, q.post, at_post)
    if not q.topology.tied(pre, post):
        heard &= ~_is_new(remap, q.pre, _unit(table.pre, table.pre_end, pre))
    return at[heard], at_post[heard]


def _unit(end: np.ndarray, kind: str, shape: tuple[int, ...]) -> np.ndarray:
    return end // n_sites(shape) if kind == "neuron" else end


def _is_new(remap: Remap, population: str, unit: np.ndarray) -> np.ndarray:
    if population not in remap.units:
        return np.zeros(len(unit), bool)
    return np.asarray(remap.units[population][unit] < 0)


def _even(owner: np.ndarray, n: int, name: str) -> int:
    """Count what each newcomer hears, which must be the same for all."""
    counts = np.unique(owner, return_counts=True)[1]
    if len(set(counts.tolist())) > 1 or len(counts) not in (0, n):
        raise ShapeError(
            f"Grow: incoming weights of {name!r} (got newcomers that hear different numbers); leave it out"
        )
    return int(counts[0]) if len(counts) else 0


def _size(circuit: Circuit, q: Projection) -> float:
    """Give the root mean square of a projection's weights that are not zero, or 1 / sqrt(fan-in) where all are."""
    present = q.weight[q.weight != 0].astype(np.float64)
    if len(present):
        return float(np.sqrt(np.mean(present**2)))
    return float(1 / np.sqrt(max(1.0, q.topology.fan_in(*circuit.shapes(q)))))


def _wire(old: Circuit, new: Circuit, q: Projection, units: Mapping[str, np.ndarray], seed: int) -> AddSlots:
    """Connect newcomers of pruned or listed wiring as densely as the others, at random, by one slot at least."""
    pre, post = old.shapes(q)
    law = q.topology.topology if isinstance(q.topology, Pruned) else q.topology
    whole: Topology = Dense() if law.is_listed(pre, post) else law
    if law == q.topology == whole:
        return AddSlots(q.name, [])
    density = q.n_slots / max(1, whole.n_slots(pre, post))
    wide: Topology
    if isinstance(whole, Dense):
        wide, at = whole, _onto_newcomers(n_neurons(pre), n_neurons(post), *map(n_neurons, new.shapes(q.name)))
    else:
        sides = (units.get(q.pre, np.arange(pre[0])), units.get(q.post, np.arange(post[0])))
        wide, index = whole.resized(pre, post, *sides)
        at = np.flatnonzero(index < 0)
    table = Pruned(wide, at).slots(*new.shapes(q.name))
    at_pre, at_post = _unit(table.pre, table.pre_end, pre), _unit(table.post, table.post_end, post)
    newcomer = at_post >= post[0] if q.post in units else np.zeros(len(at), bool)
    # Newcomers' own wiring comes first; what is left are slots from a newcomer to somebody who was there.
    owner = np.where(newcomer, at_post, at_pre + post[0] + len(units.get(q.post, ())))
    rng = stream(seed, f"wiring of {q.name}")
    order = np.lexsort((rng.random(len(at)), owner))
    _, first, count = np.unique(owner[order], return_index=True, return_counts=True)
    rank = np.arange(len(at)) - np.repeat(first, count)
    wanted = np.maximum(1, np.round(density * count).astype(np.int64))
    return AddSlots(q.name, at[order[rank < np.repeat(wanted, count)]])


def _onto_newcomers(n_pre: int, n_post: int, new_pre: int, new_post: int) -> np.ndarray:
    """List the slots of all to all that have a newcomer at one end, rising; newcomers come last.  Shape: -> (K,)."""
    from_newcomers = np.arange(n_post)[:, None] * new_pre + np.arange(n_pre, new_pre)
    return np.concatenate([from_newcomers.ravel(), np.arange(n_post * new_pre, new_post * new_pre)])


def _useless(circuit: Circuit) -> tuple[str, np.ndarray] | None:
    """Find a hidden population with units that have no input or no output."""
    ends = {p.name: (np.zeros(p.n_units, np.int64), np.zeros(p.n_units, np.int64)) for p in circuit.populations}
    for q in circuit.projections:
        table, (pre, post) = circuit.slots(q), circuit.shapes(q)
        loop = q.pre == q.post
        for name, end, kind, shape, side in (
            (q.pre, table.pre, table.pre_end, pre, 1), (q.post, table.post, table.post_end, post, 0)
        ):  # fmt: skip
            if kind == "site":
                ends[name][side][:] += 1
            elif not loop:
                np.add.at(ends[name][side], _unit(end, kind, shape), 1)
    hears, speaks = {q.post for q in circuit.projections}, {q.pre for q in circuit.projections}
    hidden = [p.name for p in circuit.populations if p.name in hears & speaks]
    for name in hidden:
        if set(tied_units(circuit, {name: np.arange(0)})) <= set(hidden):
            useless = np.flatnonzero((ends[name][0] == 0) | (ends[name][1] == 0))
            if len(useless):
                return name, useless
    return None


def _dense(n: int = 3) -> Circuit:
    return Circuit().add("x", n).connect("x", "y", Dense(), units=4).connect("y", "z", Dense(), units=2)


def _grown_circuits() -> list[tuple[str, Circuit]]:
    conv = Circuit().add("x", (2, 4, 4)).connect("x", "y", Conv(3, padding=1), units=3).connect("y", "p", Pool(2))
    skip = conv.connect("x", "s", Conv(1), units=3).connect("s", "y", OneToOne()).connect("p", "o", Conv(1), units=1)
    depthwise = conv.connect("p", "d", Conv(3, padding=1, groups=3)).connect("d", "z", Dense(), units=2)
    recurrent = _dense().connect("y", "y", Dense(), delay=1)
    graph = Circuit().add("x", (2, 3)).connect("x", "y", GraphConv([0, 1], [1, 2]), units=3)
    listed = Circuit().add("x", 3).connect("x", "y", Explicit([0, 1, 2, 0], [0, 1, 2, 3]), units=4)
    pruned = Circuit().add("x", 3).connect("x", "y", Pruned(Dense(), [0, 2, 4, 7, 10]), units=4)
    return [
        ("y", _dense()), ("d", depthwise), ("y", recurrent),
        ("y", graph.connect("y", "z", GraphConv([0, 1], [1, 2]), units=2)),
        ("y", listed.connect("y", "z", Explicit([0, 1, 2, 3], [0, 1, 1, 0]), units=2)),
        ("y", pruned.connect("y", "z", Pruned(Dense(), [1, 3, 5]), units=2)),
        ("y", skip),
    ]  # fmt: skip
