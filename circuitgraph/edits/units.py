"""Units that come and go, with all their slots, in a population and in those that follow it one to one."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from circuitgraph.errors import StructureError
from circuitgraph.ir import ABSENT, Circuit, Population, Projection, Remap, Shape, Topology
from circuitgraph.ir.remap import carry
from circuitgraph.ir.value import given_up


def change_units(circuit: Circuit, wanted: Mapping[str, np.ndarray]) -> tuple[Circuit, Remap]:
    """Change the units of populations, of those tied to them, and every projection in between.

    `wanted[name]` (U_new,) says which unit each new one was, -1 for a newcomer.  Newcomers have no attribute
    (`ABSENT`, or zero where a column holds numbers) and the memory that their neuron starts with.  New slots have
    weight zero, or one where a law's weights do not learn (relays, pooling).

    Raises:
        UnknownNameError: a population that does not exist.
        StructureError: a population without units, one whose ties contradict what is wanted, or a law that cannot
            follow.
    """
    units = tied_units(circuit, wanted)
    for name, index in units.items():
        if not len(index):
            raise StructureError(f"population {name!r}: no unit would be left (got 0, expected at least 1)")
    populations = [_resized(circuit, p, units[p.name]) if p.name in units else p for p in circuit.populations]
    projections, slots = [], {}
    for p in circuit.projections:
        if p.pre not in units and p.post not in units:
            projections.append(p)
            continue
        new, index = _refitted(circuit, p, units)
        projections.append(new)
        slots[p.name] = index
    changed = dataclasses.replace(circuit, populations=tuple(populations), projections=tuple(projections))
    return changed, Remap(units=units, slots=slots)


def tied_units(circuit: Circuit, wanted: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Hand a change of units on to every population that is tied to one of these, in either direction."""
    units, waiting = dict(wanted), list(wanted)
    for name in wanted:
        circuit.population(name)
    while waiting:
        name = waiting.pop()
        for other in neighbours(circuit, name):
            if other not in units:
                units[other] = units[name]
                waiting.append(other)
            elif not np.array_equal(units[other], units[name]):
                got = f"got {len(units[name])} and {len(units[other])} units"
                raise StructureError(
                    f"populations {name!r} and {other!r}: tied one to one, so they change alike ({got})"
                )
    return units


def neighbours(circuit: Circuit, name: str) -> list[str]:
    """List the populations whose units are tied to those of one."""
    tied = [p for p in circuit.projections if name in (p.pre, p.post) and p.topology.tied(*circuit.shapes(p))]
    return [p.post if p.pre == name else p.pre for p in tied if p.pre != p.post]


def _resized(circuit: Circuit, p: Population, index: np.ndarray) -> Population:
    new = np.flatnonzero(index < 0)
    ids = carry(index, p.unit_ids, np.zeros(len(index), np.int64))
    ids[new] = p.next_id + np.arange(len(new))
    memory = {}
    if p.memory:
        fresh = fresh_memory(circuit, p, (len(index), *p.shape[1:]))
        memory = {k: carry(index, v, fresh[k].astype(v.dtype)) for k, v in p.memory.items() if k in fresh}
    columns = {k: carried_column(index, v) for k, v in p.attributes.items()}
    return dataclasses.replace(
        p, shape=(len(index), *p.shape[1:]), memory=memory, attributes=columns, ids=ids, next_id=p.next_id + len(new)
    )


def fresh_memory(circuit: Circuit, p: Population, shape: Shape) -> dict[str, np.ndarray]:
    """Give what a population's neuron, and rules of projections that land on it, keep for units at the start."""
    values: Any = {} if p.neuron is None else p.neuron.memory(shape)  # type: ignore[attr-defined]
    for q in circuit.projections:
        rule: Any = q.rule
        if q.post == p.name and rule is not None:
            values |= {q.memory_key(key): v for key, v in rule.memory(shape).items()}
    return {key: np.asarray(v) for key, v in values.items()}


def _refitted(circuit: Circuit, p: Projection, units: Mapping[str, np.ndarray]) -> tuple[Projection, np.ndarray]:
    pre, post = circuit.shapes(p)
    topology, index = p.topology.resized(
        pre, post, units.get(p.pre, np.arange(pre[0])), units.get(p.post, np.arange(post[0]))
    )
    return reindexed(p, topology, index, fresh=0.0 if p.topology.plastic else 1.0), index


def reindexed(p: Projection, topology: Topology, index: np.ndarray, *, fresh: float = 0.0) -> Projection:
    """Carry a projection's weights, attributes and ids; new slots (-1) have the weight `fresh` and the next ids.

    Shape: index (K_new,).
    """
    new = np.flatnonzero(index < 0)
    ids = carry(index, p.slot_ids, np.broadcast_to(np.int64(0), len(index)))
    ids[new] = p.next_id + np.arange(len(new))
    given_up(ids)
    return dataclasses.replace(
        p,
        topology=topology,
        weight=given_up(carry(index, p.weight, np.broadcast_to(p.weight.dtype.type(fresh), len(index)))),
        attributes={k: carried_column(index, v) for k, v in p.attributes.items()},
        ids=ids,
        next_id=p.next_id + len(new),
    )


def carried_column(index: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Carry an attribute; what is new has none."""
    if (index >= 0).all():
        taken: np.ndarray = column[index]
        return taken
    if column.dtype.kind in "fiub":
        return carry(index, column, np.zeros(len(index), column.dtype))
    out = np.full(len(index), ABSENT, dtype=object)
    out[index >= 0] = column[index[index >= 0]]
    return out
