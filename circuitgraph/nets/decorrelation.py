"""Whitening that is learned: a population whose units come to have no correlations."""

import dataclasses

import numpy as np

from circuitgraph.errors import StructureError
from circuitgraph.ir import Circuit
from circuitgraph.rules import Whitening
from circuitgraph.topologies import Conv, Dense


def decorrelated(circuit: Circuit, name: str, learning_rate: float = 0.005) -> Circuit:
    """Insert a population P_white behind P, which learns by `Whitening` and takes over what P projected to.

    P_white hears P unit by unit at each site (a 1x1 convolution; dense without sites) and begins as a copy of it.
    Winners that are drawn to their inputs all go after what most units share, until it is taken away.  P should have
    mean 0 (`BatchNorm`).

    Raises:
        StructureError: for a population that projects to nobody, or a name that is taken.
        RuleError: for a learning rate that is no finite number.

    Example:
        >>> import circuitgraph as cg
        >>> net = cg.Circuit().add("x", (3, 8, 8), cg.BatchNorm()).connect("x", "y", cg.Conv(3), units=4)
        >>> [(p.pre, p.post, p.n_slots) for p in decorrelated(net, "x").projections]
        [('x', 'x_white', 9), ('x_white', 'y', 108)]
    """
    p = circuit.population(name)
    heard = [q.name for q in circuit.projections if q.pre == name and not q.delay]
    if not heard:
        raise StructureError(f"decorrelated: {name!r} projects to nobody (got no projections, expected one or more)")
    law = Conv(1) if len(p.shape) > 1 else Dense()
    eye, rule = np.eye(p.n_units, dtype=np.float32).ravel(), Whitening(learning_rate)
    found = circuit.connect(name, f"{name}_white", law, units=p.n_units, weight=eye, rule=rule)
    new = found.projections[-1]
    moved = [dataclasses.replace(q, pre=new.post) if q.name in heard else q for q in circuit.projections]
    first = next(i for i, q in enumerate(moved) if q.pre == new.post)
    return dataclasses.replace(found, projections=(*moved[:first], new, *moved[first:]))
