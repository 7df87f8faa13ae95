"""The pass that lets many small projections run as one: fewer and larger operations, the same sums."""

import dataclasses
from collections import defaultdict
from collections.abc import Collection, Iterator

from circuitgraph.compiler.plan import Column, Fire, Op, Plan, Push, PushMany
from circuitgraph.ir import Projection
from circuitgraph.topologies import Conv, Dense, GraphConv, GraphEdges

FEW = 4
"""Fewer projections than this are left alone: gathering what they read and splitting what they write costs as much
as they do."""
SMALL, SMALL_WORK = 1 << 14, 1 << 21
"""Up to so many synapses, and synapses times samples, a projection joins others; a quarter where a dense kernel would
serve it.  Beyond, moving its weights, and a product that is not its own kernel's, cost as much as a call of its own: 40
projections at these bounds take 1.1 to 0.5 times as long merged, forward and backward, at a sixteenth of them 0.5 to
0.2 times (torch 2.13, one core of a server, batches of 1 to 128)."""


def merge(plan: Plan, forced: Collection[str] = (), batch: int = 128) -> Plan:
    """Let small projections that can run at the same moment run as one operation.

    Delayed ones read the past and run first; undelayed ones run as soon as the populations of their depth have fired.
    Left alone are large projections, those in `forced`, those that hear only the strongest or respond on the way, and
    relays fixed at one, which have no weights to read.
    """
    level = _levels(plan)
    groups: dict[int, list[Push]] = defaultdict(list)
    for op in plan.ops:
        if isinstance(op, Push) and op.projection not in forced and _is_small(plan, op, batch):
            groups[0 if op.delay else level[op.read]].append(op)
    groups = {depth: ops for depth, ops in groups.items() if len(ops) >= FEW}
    if not groups:
        return plan
    merged = {op for ops in groups.values() for op in ops}
    timed: list[tuple[tuple[int, int], Op]] = [((depth, 2), PushMany(tuple(ops))) for depth, ops in groups.items()]
    timed += [(moment, op) for moment, op in _moments(plan, level) if op not in merged]
    return dataclasses.replace(plan, ops=tuple(op for _, op in sorted(timed, key=lambda item: item[0])))


def _is_small(plan: Plan, op: Push, batch: int) -> bool:
    p = plan.circuit.projection(op.projection)
    if op.respond is not None or p.topology.reduce != "sum" or _is_one(p):
        return False
    n = p.topology.n_synapses(*plan.circuit.shapes(p))
    n *= 4 if isinstance(p.topology, Dense | Conv | GraphConv | GraphEdges) else 1
    return n <= SMALL and n * batch <= SMALL_WORK


def _is_one(p: Projection) -> bool:
    return p.fixed and not p.topology.plastic and bool((p.weight == 1).all())


def _levels(plan: Plan) -> dict[Column, int]:
    """Say how deep each column lies: as many populations have fired, one after the other, when it is there."""
    level: dict[Column, int] = defaultdict(int)
    for op in plan.ops:
        if isinstance(op, Push) and not op.delay:
            level[op.write] = max(level[op.write], level[op.read])
        elif isinstance(op, Fire):
            level[op.write] = 1 + max((level[port] for port in op.ports), default=0)
    return level


def _moments(plan: Plan, level: dict[Column, int]) -> Iterator[tuple[tuple[int, int], Op]]:
    """Give each operation with its depth and its turn there: what is pushed alone, then what fires."""
    due = {port: level[op.write] for op in plan.ops if isinstance(op, Fire) for port in op.ports}
    for op in plan.ops:
        if isinstance(op, Fire):
            yield (level[op.write], 1), op
        elif isinstance(op, Push):
            yield (due[op.write], 0), op
