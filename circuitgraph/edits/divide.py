"""Units that divide in two, and duplicates that become one: outgoing weights change, what is computed does not."""

import dataclasses
from typing import Any

import numpy as np

from circuitgraph.edits.edit import Edit
from circuitgraph.edits.grow import _grown_circuits, _size, _unit
from circuitgraph.edits.inhibit import Inhibit
from circuitgraph.edits.prune import check_reached
from circuitgraph.edits.slots import AddSlots, whole_keys
from circuitgraph.edits.units import change_units, tied_units
from circuitgraph.errors import NumericError, ShapeError, StructureError
from circuitgraph.ir import Circuit, Projection, Remap, Shape, Topology, value
from circuitgraph.ir.init import stream
from circuitgraph.ir.shape import is_integer, n_neurons, n_sites
from circuitgraph.ir.topology import opened
from circuitgraph.ir.value import given_up, index_array, n_different, rises
from circuitgraph.registry import edits
from circuitgraph.topologies import Dense, Explicit, Pruned

Units = dict[str, np.ndarray]


@edits.register("split")
@value
class Split(Edit):
    """Give units of a population, and of those tied to it, a child each that hears what its parent hears.

    w[post, child] = w[post, parent] / 2 = what is left to the parent,   w[child, pre] = w[parent, pre]

    Net2WiderNet (Chen et al. 2016): no output changes, and halves are exact.  A child has its parent's wiring, memory
    and attributes, and comes after the present units, in the order of `units`.  `noise` moves the incoming weights of
    children apart from their parents', by so many times the root mean square of each projection, drawn from `seed`;
    with it outputs do change.  So do those of neurons that choose among units (softmax, k winners) and see one twice.

    Shape: units (R,), different indices.

    Raises:
        ShapeError: at once for what is no list of different indices; in `apply` for one out of range.
        NumericError: for a noise that is no number of at least 0.
        StructureError: in `apply` for an input population, or a law that cannot follow (a grouped convolution).

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 1).connect("x", "y", cg.Dense(), units=2, weight=[5.0, 7.0])
        >>> c, _ = Split("y", [0]).apply(c.connect("y", "z", cg.Dense(), units=1, weight=[1.0, 2.0]))
        >>> c.projection("x->y").weight.tolist(), c.projection("y->z").weight.tolist()
        ([5.0, 7.0, 5.0], [0.5, 2.0, 0.5])
    """

    population: str
    units: Any
    noise: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "units", _different(self.units, "Split: units"))
        if not isinstance(self.noise, int | float) or not 0 <= self.noise < float("inf"):
            raise NumericError(f"Split: noise (got {self.noise!r}, expected a number of at least 0)")
        if not is_integer(self.seed, 0):
            raise ShapeError(f"Split: seed (got {self.seed!r}, expected an integer of at least 0)")

    def apply(self, circuit: Circuit) -> tuple[Circuit, Remap]:
        p = circuit.population(self.population)
        if not len(self.units):
            return circuit, Remap()
        _check_range(self, self.units, p.n_units)
        index = np.append(np.arange(p.n_units), np.full(len(self.units), -1))
        units = tied_units(circuit, {p.name: index})
        _refuse_inputs(self, circuit, units)
        twin = np.append(np.arange(p.n_units), self.units)
        twins = dict.fromkeys(units, twin)
        split = {q.name: self._split(circuit, q, twins) for q in circuit.projections if {q.pre, q.post} & units.keys()}
        populations = tuple(
            dataclasses.replace(
                new,
                memory={k: v[twin] for k, v in old.memory.items()},
                attributes={k: v[twin] for k, v in old.attributes.items()},
            )
            if new.name in units
            else new
            for old, new in zip(circuit.populations, _bare(circuit, units).populations, strict=True)
        )
        projections = tuple(split[q.name][0] if q.name in split else q for q in circuit.projections)
        changed = dataclasses.replace(circuit, populations=populations, projections=projections)
        slots = {name: index for name, (_, index, _) in split.items()}
        return changed, Remap(units, slots, rewritten={name: halved for name, (_, _, halved) in split.items()})

    def _split(self, circuit: Circuit, q: Projection, twins: Units) -> tuple[Projection, np.ndarray, np.ndarray]:
        """Give the projection with children in it, the remap of its slots, and those that were halved."""
        pre, post = circuit.shapes(q)
        ends = twins.get(q.pre, np.arange(pre[0])), twins.get(q.post, np.arange(post[0]))
        topology, source = doubled(q.topology, pre, post, *ends)
        shapes = (len(ends[0]), *pre[1:]), (len(ends[1]), *post[1:])
        table = topology.slots(*shapes)
        at_pre, at_post = (
            np.zeros(len(source), np.int64) if kind == "site" else _unit(end, kind, shape)
            for end, kind, shape in ((table.pre, table.pre_end, pre), (table.post, table.post_end, post))
        )
        newborn, onto_child = (at_pre >= pre[0]) | (at_post >= post[0]), at_post >= post[0]
        halved = np.zeros(len(source), bool)
        if q.pre in twins and not q.topology.tied(pre, post):
            divides = np.isin(ends[0], self.units)
            halved = divides[at_pre]
        weight = q.weight[source]
        weight[halved] /= 2
        if self.noise and not q.fixed:
            weight[onto_child] += self._noise(circuit, q, int(onto_child.sum()))
            weight = np.maximum(q.sign * weight, 0) * q.sign if q.sign else weight
        ids, n_new = q.slot_ids[source], int(newborn.sum())
        ids[newborn] = q.next_id + np.arange(n_new)
        new = dataclasses.replace(
            q,
            topology=topology,
            weight=weight,
            attributes={k: v[source] for k, v in q.attributes.items()},
            ids=ids,
            next_id=q.next_id + n_new,
        )
        return new, np.where(newborn, -1, source), np.flatnonzero(halved & ~newborn)

    def _noise(self, circuit: Circuit, q: Projection, n: int) -> np.ndarray:
        rng = stream(self.seed, f"children of {self.population} in {q.name}")
        return np.asarray(self.noise * _size(circuit, q) * rng.standard_normal(n), q.weight.dtype)

    @classmethod
    def examples(cls) -> list[tuple[Edit, Circuit]]:
        grown: list[tuple[Edit, Circuit]] = [(cls(name, [2, 0]), circuit) for name, circuit in _grown_circuits()]
        inhibited, _ = Inhibit("y").apply(_grown_circuits()[0][1])
        return [*grown, (cls("y", [1]), inhibited), (cls("y", [1], 0.1, 3), inhibited), (cls("y", []), inhibited)]


@edits.register("merge")
@value
class Merge(Edit):
    """Let a unit speak for its duplicates: outgoing weights of `drop[i]` are added to those of `keep[i]`.

    w[post, keep] = w[post, keep] + sum of w[post, drop],   and what was dropped is removed with all its slots

    Where units are duplicates (they hear the same by the same weights) no output changes; for others that is as true as
    they are alike.  Where wiring is pruned or listed, the kept unit takes over slots that it lacked.  Populations tied
    to this one, unit by unit, follow.

    Shape: keep (R,), which may name a unit several times; drop (R,), different ones, none of them kept.

    Raises:
        ShapeError: at once for what are no such lists; in `apply` for one out of range.
        StructureError: in `apply` for an input population, or a law that cannot follow (a grouped convolution).

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 1).connect("x", "y", cg.Dense(), units=3, weight=[5.0, 7.0, 5.0])
        >>> c, _ = Merge("y", [0], [2]).apply(c.connect("y", "z", cg.Dense(), units=1, weight=[1.0, 2.0, 4.0]))
        >>> c.projection("x->y").weight.tolist(), c.projection("y->z").weight.tolist()
        ([5.0, 7.0], [5.0, 2.0])
    """

    population: str
    keep: Any
    drop: Any

    def __post_init__(self) -> None:
        keep, drop = index_array(self.keep, "Merge: keep"), _different(self.drop, "Merge: drop")
        if len(keep) != len(drop):
            got = f"got {len(keep)} and {len(drop)} units, expected as many"
            raise ShapeError(f"Merge: keep and drop differ in length ({got}); name the kept unit for each dropped one")
        both = np.intersect1d(keep, drop)
        if len(both):
            raise ShapeError(f"Merge: units to keep and to drop (got {both[:8].tolist()} in both); choose one of them")
        object.__setattr__(self, "keep", keep)
        object.__setattr__(self, "drop", drop)

    @classmethod
    def of_groups(cls, population: str, groups: Any) -> "Merge":
        """Merge each group of duplicates into its first unit.

        Example:
            >>> Merge.of_groups("y", [[0, 4, 5], [2, 3]])
            Merge(population='y', keep=[0, 0, 2], drop=[4, 5, 3])
        """
        each = [index_array(group, "Merge: group") for group in groups]
        drop = np.concatenate([np.zeros(0, np.int64), *(group[1:] for group in each)])
        return cls(population, np.repeat([g[0] for g in each if len(g)], [len(g) - 1 for g in each if len(g)]), drop)

    def apply(self, circuit: Circuit) -> tuple[Circuit, Remap]:
        p = circuit.population(self.population)
        if not len(self.drop):
            return circuit, Remap()
        _check_range(self, np.append(self.keep, self.drop), p.n_units)
        alive = np.delete(np.arange(p.n_units), self.drop)
        units = tied_units(circuit, {p.name: alive})
        _refuse_inputs(self, circuit, units)
        changed, remap = circuit, Remap()
        for q in circuit.projections:
            if q.pre in units and not q.topology.tied(*circuit.shapes(q)):
                changed, step = self._add_up(changed, q, units)
                remap = remap.then(step)
        changed, step = change_units(changed, {p.name: alive})
        check_reached(circuit, changed, self)
        return changed, remap.then(step)

    def _add_up(self, circuit: Circuit, q: Projection, units: Units) -> tuple[Circuit, Remap]:
        """Add weights of dropped units to the slots of those that are kept, and make slots that these lack."""
        pre, post = circuit.shapes(q)
        table = q.topology.slots(pre, post)
        going = np.isin(_unit(table.pre, table.pre_end, pre), self.drop)
        if q.post in units:
            going &= ~np.isin(_unit(table.post, table.post_end, post), self.drop)
        at, heir = np.flatnonzero(going), np.arange(pre[0])
        heir[self.drop] = self.keep
        _, keys = whole_keys(q.topology, pre, post)
        target = _counterparts(q.topology, pre, post, keys[at], heir)
        missing = np.unique(target[_found(keys, target) < 0])
        changed, remap = AddSlots(q.name, missing).apply(circuit)
        p = changed.projection(q.name)
        to = _found(whole_keys(p.topology, pre, post)[1], target) if len(missing) else _found(keys, target)
        touched, rank = np.unique(to, return_inverse=True)
        total = p.weight[touched].astype(np.float64)
        np.add.at(total, rank, q.weight[at].astype(np.float64))
        weight = p.weight.copy()
        weight[touched] = total
        old = touched if q.name not in remap.slots else touched[remap.slots[q.name][touched] >= 0]
        return changed.replace_projection(q.name, weight=weight), remap.then(Remap(rewritten={q.name: old}))

    @classmethod
    def examples(cls) -> list[tuple[Edit, Circuit]]:
        grown: list[tuple[Edit, Circuit]] = [(cls(name, [1], [2]), c) for name, c in _grown_circuits()]
        inhibited, _ = Inhibit("y").apply(_grown_circuits()[0][1])
        return [*grown, (cls("y", [1, 1], [3, 0]), inhibited), (cls("y", [], []), inhibited)]


def doubled(
    topology: Topology, pre: Shape, post: Shape, pre_units: np.ndarray, post_units: np.ndarray
) -> tuple[Topology, np.ndarray]:
    """Follow a change in which some units appear twice: the law, and for every new slot the one that it copies.

    New units come after the present ones; where pairs are listed, so do their pairs.
    Shape: (I_new,), (O_new,) -> (K_new,).

    Raises:
        StructureError: if the law cannot follow.

    Example:
        >>> doubled(Explicit([0], [1]), (1,), (2,), np.array([0, 0]), np.array([0, 1]))
        (Explicit(pre=[0, 1], post=[1, 1]), array([0, 0]))
    """
    law = topology.topology if isinstance(topology, Pruned) else topology
    pairs = topology.listed(pre, post)
    dense = isinstance(topology, Pruned) and isinstance(law, Dense)
    if pairs is None or not (dense or law.is_listed(pre, post)):
        return topology.resized(pre, post, pre_units, post_units)
    child_pre, child_post = _children(pairs[0], pre, pre_units), _children(pairs[1], post, post_units)
    ways = [(child_pre, pairs[1]), (pairs[0], child_post), (child_pre, child_post)]
    split = np.flatnonzero(child_post >= 0)
    found = [np.flatnonzero(child_pre >= 0), split, split[child_pre[split] >= 0]]
    source = np.concatenate(found)
    if not dense:
        ends = (np.concatenate([pairs[k], *(w[k][f] for w, f in zip(ways, found, strict=True))]) for k in (0, 1))
        return Explicit(*ends), np.concatenate([np.arange(len(pairs[0])), source])
    n_pre = len(pre_units) * n_sites(pre)
    key = np.concatenate([way[1][f] * n_pre + way[0][f] for way, f in zip(ways, found, strict=True)])
    kept, order = pairs[1] * n_pre + pairs[0], np.argsort(key)
    index = opened(np.searchsorted(kept, key[order]), len(kept))
    room = index < 0
    merged = kept[index]
    merged[room], index[room] = key[order], source[order]
    return Pruned(law, given_up(merged)), index


def _children(neuron: np.ndarray, shape: Shape, units: np.ndarray) -> np.ndarray:
    """Give the neuron of the child of each neuron's unit, -1 where it has none."""
    sites, child = n_sites(shape), np.full(shape[0], -1, np.int64)
    if len(units) == len(child):
        return np.broadcast_to(child[0], len(neuron))
    child[units[shape[0] :]] = np.arange(shape[0], len(units))
    if sites == 1:
        return np.asarray(child[neuron])
    unit, site = child[neuron // sites], neuron % sites
    return np.asarray(np.where(unit >= 0, unit * sites + site, -1))


def _counterparts(topology: Topology, pre: Shape, post: Shape, keys: np.ndarray, heir: np.ndarray) -> np.ndarray:
    """Give the key of the slot from the heir of each slot's presynaptic unit to the same end."""
    law = topology.topology if isinstance(topology, Pruned) else topology
    if not isinstance(law, Dense) and not law.is_listed(pre, post):
        return np.asarray(law.resized(pre, post, heir, np.arange(post[0]))[1][keys])
    n, sites = n_neurons(pre), n_sites(pre)
    neuron = keys % n
    return np.asarray(keys - neuron + heir[neuron // sites] * sites + neuron % sites)


def _found(keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Say where each wanted key is, -1 where it is not.  Shape: (K,), (R,) -> (R,)."""
    order = None if rises(keys) else np.argsort(keys, kind="stable")
    at = np.searchsorted(keys, wanted, sorter=order).clip(max=max(0, len(keys) - 1))
    at = at if order is None or not len(keys) else order[at]
    return np.asarray(np.where(keys[at] == wanted, at, -1) if len(keys) else np.full(len(wanted), -1))


def _different(units: Any, where: str) -> np.ndarray:
    found = index_array(units, where)
    if n_different(found) != len(found):
        raise ShapeError(f"{where} come twice (got {units!r}, expected different indices (R,))")
    return found


def _check_range(edit: Edit, units: np.ndarray, n: int) -> None:
    if units.min() < 0 or units.max() >= n:
        raise ShapeError(f"{edit!r}: unit out of range (got {units.min()} to {units.max()}, expected 0 to {n - 1})")


def _refuse_inputs(edit: Edit, circuit: Circuit, units: Units) -> None:
    if strangers := sorted(units.keys() - {q.post for q in circuit.projections}):
        got = f"got {strangers}, expected populations that hear another"
        raise StructureError(f"{edit!r}: units of an input population stand for data ({got})")


def _bare(circuit: Circuit, units: Units) -> Circuit:
    """Give the units with their new ids alone: wiring is the caller's."""
    return change_units(dataclasses.replace(circuit, projections=()), units)[0]
