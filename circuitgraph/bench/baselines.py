"""The same circuit trained end to end by gradient, or left untrained."""

from collections.abc import Iterable

from circuitgraph.ir import Circuit, Projection, Value, normal
from circuitgraph.ir.init import stream
from circuitgraph.neurons import Activation, BatchNorm, Bias, Chain, Divide, Linear, Normalize, ReLU, RePU
from circuitgraph.topologies import Dense

PASSING = (Activation, BatchNorm, Bias, Divide, Linear, Normalize, ReLU, RePU)
"""Neurons that a gradient passes as well as a ReLU; in place of others, which compete, a ReLU is put."""


def by_gradient(circuit: Circuit, n_classes: int, seed: int) -> Circuit:
    """Take rules away, put ReLU in place of competitive neurons, draw weights again, and add a layer of labels.

    Fixed weights (whitening, pools, centre-surround inhibition) and signs stay.

    Example:
        >>> import circuitgraph as cg
        >>> net = cg.Circuit().add("x", 4)
        >>> net = net.connect("x", "h", cg.Dense(), units=3, neuron=cg.KWinners(1), rule=cg.Oja(0.1))
        >>> net = by_gradient(net, 2, seed=0)
        >>> [(p.name, p.neuron) for p in net.populations], [p.rule for p in net.projections]
        ([('x', None), ('h', ReLU()), ('label', None)], [None, None])
    """
    heard = {p.pre for p in circuit.projections if not p.delay}
    last = next(p.name for p in reversed(circuit.populations) if p.name not in heard)
    for name in {p.post for p in circuit.projections if not p.fixed}:
        circuit = circuit.replace_population(name, neuron=_passing(circuit.population(name).neuron))
    circuit = _drawn_again(circuit, [p for p in circuit.projections if not p.fixed], 2**0.5, seed)
    return circuit.connect(last, "label", Dense(), units=n_classes, weight=normal(), rng=seed)


def untrained(circuit: Circuit, seed: int) -> Circuit:
    """Draw the weights again that were fitted to images, and are no rule's."""
    return _drawn_again(circuit, [p for p in circuit.projections if not p.fixed and p.rule is None], 1.0, seed)


def _drawn_again(circuit: Circuit, projections: Iterable[Projection], norm: float, seed: int) -> Circuit:
    for p in projections:
        fan_in = p.topology.fan_in(*circuit.shapes(p))
        weight = normal(norm)(stream(seed, p.name), p.n_slots, fan_in)
        weight = p.sign * abs(weight) if p.sign else weight
        circuit = circuit.replace_projection(p.name, weight=weight, rule=None)
        circuit = circuit.replace_population(p.post, memory={})
    return circuit


def _passing(neuron: Value | None) -> Value | None:
    if isinstance(neuron, Chain):
        return Chain(tuple(n if isinstance(n, PASSING) else ReLU() for n in neuron.neurons))
    return neuron if neuron is None or isinstance(neuron, PASSING) else ReLU()
