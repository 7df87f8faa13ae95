"""Cells that fire for more, and cells that fire for less: signed messages under Dale's law."""

import dataclasses
from collections.abc import Iterator

from circuitgraph.errors import StructureError
from circuitgraph.ir import Circuit, Projection
from circuitgraph.neurons import BatchNorm, Chain, Linear, ReLU
from circuitgraph.topologies import OneToOne


def on_off(circuit: Circuit, name: str) -> Circuit:
    """Insert excitatory P_on and P_off behind P, and inhibitory P_inh, and let all that hears P hear both.

    P excites P_on and P_inh one to one, and P_inh inhibits P_off.  Units of P_on and P_off are normalised over batch
    and sites before they are rectified: P_on fires as far as a unit of P is above its mean, P_off as far as below.
    Every projection out of P becomes two, whose weights are never negative (`sign`), for rules and gradients alike: of
    a weight w at birth, max(w, 0) from P_on and max(-w, 0) from P_off.  So units compute with differences, as after
    batch normalisation, though every unit excites or inhibits (Dale's law); P_inh is as large as P.  What rules keep of
    projections that are split (thresholds, means) begins anew.

    Raises:
        StructureError: for a population that projects to nobody, one whose output may be negative, outgoing fixed or
            signed projections, or names that are taken.

    Example:
        >>> import circuitgraph as cg
        >>> net = cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=2, neuron=cg.ReLU())
        >>> net = on_off(net.connect("y", "z", cg.Dense(), units=4), "y")
        >>> [(p.name, p.sign) for p in net.projections if not p.fixed]
        [('x->y', 0), ('y_on->z', 1), ('y_off->z', 1)]
        >>> [(p.name, p.sign) for p in net.projections if p.fixed]
        [('y->y_on', 1), ('y->y_inh', 1), ('y_inh->y_off', -1)]
    """
    circuit.population(name)
    heard = [q for q in circuit.projections if q.pre == name]
    if not heard:
        raise StructureError(f"on_off: {name!r} projects to nobody (got no projections, expected one or more)")
    for q in heard:
        if q.fixed or q.sign:
            got = "fixed weights" if q.fixed else f"sign {q.sign:+d}"
            raise StructureError(f"on_off: {q.name!r} cannot be split in two (got {got}, expected weights that learn)")
    if _may_be_negative(circuit, name):
        got = f"got {circuit.population(name).neuron!r}, expected e.g. cg.ReLU() in it, or in what it pools"
        raise StructureError(f"on_off: output of {name!r} may be negative, which turns every sign ({got})")
    found, cell = circuit, Chain((BatchNorm(), ReLU()))
    for pre, part, sign, neuron in ((name, "on", 1, cell), (name, "inh", 1, None), (f"{name}_inh", "off", -1, cell)):
        law, w = OneToOne(), float(sign)
        found = found.connect(pre, f"{name}_{part}", law, neuron=neuron, weight=w, fixed=True, sign=sign)
    new = found.projections[len(circuit.projections) :]
    old = [p for q in circuit.projections for p in (_pieces(q, name) if q in heard else (q,))]
    first = next(i for i, q in enumerate(circuit.projections) if q in heard)
    return dataclasses.replace(found, projections=(*old[:first], *new, *old[first:]))


def _pieces(q: Projection, name: str) -> Iterator[Projection]:
    for part, sign in (("on", 1), ("off", -1)):
        new = f"{name}_{part}->{q.post}" if q.name == f"{q.pre}->{q.post}" else f"{q.name}_{part}"
        yield dataclasses.replace(q, pre=f"{name}_{part}", name=new, weight=(sign * q.weight).clip(0), sign=1)


def _may_be_negative(circuit: Circuit, name: str) -> bool:
    """Tell whether a population may be negative, as far as its neuron or, without one, what it relays shows."""
    neuron = circuit.population(name).neuron
    if neuron is not None and not isinstance(neuron, Linear):
        return isinstance(neuron, BatchNorm)
    heard = [q for q in circuit.projections if q.post == name]
    relays = all(q.fixed and (q.weight >= 0).all() for q in heard)
    return not heard or not relays or any(_may_be_negative(circuit, q.pre) for q in heard)
