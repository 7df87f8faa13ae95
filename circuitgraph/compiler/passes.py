"""Passes over a plan: each takes a valid plan to a valid plan that computes the same."""

import dataclasses
from collections.abc import Collection

from circuitgraph.compiler.merge import merge
from circuitgraph.compiler.plan import Column, Fire, Op, Plan, Push
from circuitgraph.ir import Circuit, Projection
from circuitgraph.neurons import Divide, Exponential, Linear, Neuron, Softmax
from circuitgraph.rules import Rule
from circuitgraph.topologies import Gather, OneToOne, Pool, Spread


def fuse(plan: Plan, keep: frozenset[str] = frozenset(), *, forced: Collection[str] = (), batch: int = 128) -> Plan:
    """Apply every fusion.

    Populations named in `keep`, and all outputs, stay readable; projections in `forced`, whose kernel the user named,
    run by themselves.
    """
    for each in (fuse_softmax, fuse_pool):
        plan = each(plan, keep | set(plan.outputs))
        plan.check()
    plan = merge(plan, forced, batch)
    plan.check()
    return plan


def fuse_softmax(plan: Plan, keep: frozenset[str]) -> Plan:
    """Compute exponential neurons with a divisive interneuron as one stable softmax.

    Proves that all weights of the motif are fixed at one and that nobody else reads what is removed.
    """
    for divide in [op for op in plan.ops if isinstance(op, Fire) and isinstance(op.neuron, Divide)]:
        motif = _softmax_motif(plan.circuit, divide.population)
        if motif is None:
            continue
        drive, interneuron, gain, inner = motif
        gone = {(drive, "y"), (interneuron, "y")}
        if keep & {drive, interneuron} or _readers(plan, gone) != inner or _learns_from(plan.circuit, gone):
            continue
        ops = []
        for op in plan.ops:
            if isinstance(op, Push) and op.projection in inner:
                continue
            if isinstance(op, Fire) and op.population in (drive, interneuron):
                continue
            ops.append(dataclasses.replace(op, neuron=Softmax(gain), ports=((drive, "in"),)) if op == divide else op)
        note = f"{drive}, {interneuron} and {divide.population} are one softmax (gain {gain:g})"
        plan = dataclasses.replace(plan, ops=tuple(ops), notes=(*plan.notes, note))
    return plan


def fuse_pool(plan: Plan, keep: frozenset[str]) -> Plan:
    """Move the elementwise, monotone part of a neuron behind the max pools that alone read it: less is computed."""
    for fire in [op for op in plan.ops if isinstance(op, Fire) and op.responds]:
        read = {fire.write}
        pools = [op for op in plan.ops if isinstance(op, Push) and op.read == fire.write]
        if type(fire.neuron).respond is Neuron.respond or fire.population in keep or not pools:
            continue
        if _learns_from(plan.circuit, read) or not all(_is_max(plan.circuit.projection(p.projection)) for p in pools):
            continue
        drive: Column = (fire.population, "z")
        swap: dict[Op, Op] = {fire: dataclasses.replace(fire, write=drive, responds=False)}
        swap.update({p: dataclasses.replace(p, read=drive, respond=fire.neuron) for p in pools})
        note = f"{fire.population} responds behind {', '.join(p.projection for p in pools)}"
        plan = dataclasses.replace(plan, ops=tuple(swap.get(op, op) for op in plan.ops), notes=(*plan.notes, note))
    return plan


def _softmax_motif(circuit: Circuit, divide: str) -> tuple[str, str, float, set[str]] | None:
    """Find drive, interneuron, gain and the three projections of a divisive motif that ends in `divide`."""
    into = [p for p in circuit.projections if p.post == divide]
    numerator = [p for p in into if p.port == "in"]
    shunt = [p for p in into if p.port == "shunt"]
    if len(numerator) != 1 or len(shunt) != 1 or not (_is_one(numerator[0], OneToOne) and _is_one(shunt[0], Spread)):
        return None
    drive, interneuron = numerator[0].pre, shunt[0].pre
    neuron = circuit.population(drive).neuron
    gather = [p for p in circuit.projections if p.post == interneuron]
    relay = circuit.population(interneuron).neuron
    if not isinstance(neuron, Exponential) or not (relay is None or isinstance(relay, Linear)):
        return None
    if len(gather) != 1 or gather[0].pre != drive or not _is_one(gather[0], Gather):
        return None
    return drive, interneuron, neuron.gain, {numerator[0].name, shunt[0].name, gather[0].name}


def _is_one(p: Projection, topology: type) -> bool:
    return isinstance(p.topology, topology) and p.fixed and p.delay == 0 and bool((p.weight == 1).all())


def _is_max(p: Projection) -> bool:
    # Pool, and not one with slots removed: a unit that hears nothing is silent, which respond(0) need not be.
    return isinstance(p.topology, Pool) and p.topology.reduce == "max" and _is_one(p, Pool)


def _readers(plan: Plan, columns: set[Column]) -> set[str]:
    return {op.projection for op in plan.ops if isinstance(op, Push) and op.read in columns}


def _learns_from(circuit: Circuit, columns: set[Column]) -> bool:
    for p in circuit.projections:
        if isinstance(p.rule, Rule):
            if "y" in p.rule.reads and (p.post, "y") in columns:
                return True
            if "x" in p.rule.reads and (p.pre, "y") in columns:
                return True
    return False
