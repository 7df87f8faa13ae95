"""Edits of a live network, and the way back."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from circuitgraph.compiler.carry import Carried, LiveRemap, bury
from circuitgraph.compiler.log import Undo, take_undo
from circuitgraph.compiler.parts import Options, carry_parts, memory_of
from circuitgraph.compiler.signals import rule_keys
from circuitgraph.compiler.turns import alone
from circuitgraph.edits import Edit
from circuitgraph.ir import Circuit, Population, Projection, Remap
from circuitgraph.ir.topology import moved_to
from circuitgraph.ir.value import given_up

if TYPE_CHECKING:
    from circuitgraph.compiler.network import Network


@alone
def edit_network(net: "Network", edit: Edit, reason: str) -> LiveRemap:
    """Apply an edit to a live network; see `Network.edit`."""
    given = net.snapshot() if edit.reads_weights else net.circuit
    circuit, remap = edit.apply(given)
    if circuit is given:
        net.log.add(edit, reason, net.circuit, net.circuit, remap, changed=False)
        return LiveRemap(remap.units, remap.slots, remap.removed, remap.rewritten)
    undo, before = _way_back(net, circuit, remap), net.circuit
    live = _install(net, circuit, remap)
    net.log.add(edit, reason, before, circuit, remap)
    net.log.undos.append(undo)
    return live


@alone
def undo_edit(net: "Network") -> LiveRemap:
    """Take the last edit back; see `Network.undo`."""
    undo = take_undo(net.log.undos)
    live = _install(net, _refilled(undo), undo.remap)
    while not net.log.entries.pop().changed:
        pass
    return live


def _install(net: "Network", circuit: Circuit, remap: Remap) -> LiveRemap:
    options = Options(net.exact, net.keep, net.forced, net.setting, net.tune).fit(circuit)
    old = _parameters(net)
    net._install(carry_parts(net._parts(), circuit, remap, options), options)
    net.train(net.training)
    new = _parameters(net)
    replaced = [name for name in {**old, **new} if old.get(name) is not new.get(name)]
    parameters = tuple(Carried(old.get(n), new.get(n), _index(old.get(n), new.get(n), remap, n)) for n in replaced)
    live = LiveRemap(remap.units, remap.slots, remap.removed, remap.rewritten, parameters)
    bury(live)
    return live


def _parameters(net: "Network") -> dict[tuple[str, str], nn.Parameter]:
    """Name every parameter by what owns it: a projection (its weights), or a population and its trained memory."""
    weights = {(name, ""): w for name, w in net.weights.items()}
    memory = ((name, key, value) for name in net.memory for key, value in memory_of(net.memory, name).items())
    return weights | {(name, key): value for name, key, value in memory if isinstance(value, nn.Parameter)}


def _index(old: Tensor | None, new: Tensor | None, remap: Remap, name: tuple[str, str]) -> Tensor | None:
    if old is None or new is None:
        return None
    tables, owner = remap.units if name[1] else remap.slots, name[0]
    if owner in tables:
        return torch.tensor(tables[owner], device=new.device)
    return torch.full((len(new),), -1) if owner in remap.removed else torch.arange(len(new), device=new.device)


def _way_back(net: "Network", after: Circuit, remap: Remap) -> Undo:
    """Keep what an edit is about to take away, on the device, and turn its indices around."""
    before = net.circuit
    kept = {p.name for p in after.populations}, {p.name for p in after.projections}
    units = _turned(remap, remap.units, {p.name: p.n_units for p in before.populations}, kept[0])
    slots = _turned(remap, remap.slots, {p.name: p.n_slots for p in before.projections}, kept[1])
    names = [
        {p.name for p in circuit.populations} | {p.name for p in circuit.projections} for circuit in (after, before)
    ]
    gone = names[0] - names[1]
    rewritten = {n: remap.slots[n][at] if n in remap.slots else at for n, at in remap.rewritten.items()}
    weights = {n: _lost(net.weights[n], i, rewritten.get(n)) for n, i in slots.items()}
    for n in rewritten.keys() - slots.keys():
        weights[n] = _lost(net.weights[n], np.zeros(0, np.int64), rewritten[n])
    memory = {(n, key): _lost(value, i) for n, i in units.items() for key, value in memory_of(net.memory, n).items()}
    for n in kept[0] & {p.name for p in before.populations}:
        for key in rule_keys(before, n) - rule_keys(after, n):  # of rules whose projections go
            value = memory_of(net.memory, n)[key]
            memory[n, key] = _lost(value, np.full(len(value), -1))
    return Undo(before, Remap(units, slots, frozenset(gone), rewritten), weights, memory)


def _turned(
    remap: Remap, tables: Mapping[str, np.ndarray], sizes: Mapping[str, int], kept: set[str]
) -> dict[str, np.ndarray]:
    """Turn tables from new to old indices around; what is gone altogether comes back as new."""
    out = {}
    for name, size in sizes.items():
        if name not in kept or (name in remap.removed and name not in tables):
            out[name] = given_up(np.full(size, -1))
        elif name in tables:
            out[name] = given_up(moved_to(tables[name], size))
    return out


def _lost(live: Tensor, index: np.ndarray, rewritten: np.ndarray | None = None) -> tuple[np.ndarray, Tensor]:
    at = np.flatnonzero(index < 0)
    at = at if rewritten is None else np.union1d(at, rewritten)
    return at, live.detach()[torch.tensor(at, device=live.device)]


def _refilled(undo: Undo) -> Circuit:
    """Give the circuit of before the weights and the memory that were taken away."""

    def projection(p: Projection) -> Projection:
        if p.name not in undo.weights:
            return p
        return dataclasses.replace(p, weight=_filled(p.weight, *undo.weights[p.name]))

    def population(p: Population) -> Population:
        lost = {key: kept for (name, key), kept in undo.memory.items() if name == p.name}
        memory: dict[str, np.ndarray] = dict(p.memory)
        for key, (at, values) in lost.items():
            like = p.memory.get(key, np.zeros((p.n_units, *values.shape[1:]), _home(values).dtype))
            memory[key] = _filled(like, at, values)
        return dataclasses.replace(p, memory=memory)

    circuit = undo.circuit
    projections, populations = tuple(map(projection, circuit.projections)), tuple(map(population, circuit.populations))
    return dataclasses.replace(circuit, populations=populations, projections=projections)


def _filled(values: np.ndarray, at: np.ndarray, lost: Tensor) -> np.ndarray:
    out = np.array(values)
    out[at] = _home(lost)
    return out


def _home(t: Tensor) -> np.ndarray:
    narrow = t.is_floating_point() and t.dtype not in (torch.float32, torch.float64)
    return np.asarray((t.float() if narrow else t).cpu().numpy())
