"""Networks without sites: every unit hears all of the image."""

from collections.abc import Sequence

import numpy as np

from circuitgraph.errors import ShapeError
from circuitgraph.ir import Circuit, Initializer, Shape, Value, n_neurons, normal, uniform
from circuitgraph.ir.shape import as_shape
from circuitgraph.neurons import Normalize, ReLU, RePU, Triangle
from circuitgraph.topologies import Dense


def mlp(
    sizes: Sequence[int],
    *,
    neuron: Value | None = None,
    rule: Value | None = None,
    init: Initializer | None = None,
    rng: np.random.Generator | int = 0,
) -> Circuit:
    """Build a multilayer perceptron: populations x, h1, h2, ..., y, dense wiring, no bias.

    `neuron` (default Triangle) and `rule` serve every hidden layer; the last layer is linear and trained by gradient.

    Example:
        >>> mlp([784, 100, 10]).summary()
        '3 populations, 894 units, 894 neurons, 79,400 slots, 79,400 synapses'
    """
    if len(sizes) < 2:
        raise ShapeError(f"mlp: sizes (got {list(sizes)}, expected at least an input and an output)")
    rng = np.random.default_rng(rng)
    names = ["x", *(f"h{i}" for i in range(1, len(sizes) - 1)), "y"]
    circuit = Circuit().add("x", sizes[0])
    for below, name, size in zip(names, names[1:], sizes[1:], strict=False):
        hidden = name != "y"
        circuit = circuit.connect(
            below,
            name,
            Dense(),
            units=size,
            neuron=(neuron or Triangle()) if hidden else None,
            rule=rule if hidden else None,
            weight=init,
            rng=rng,
        )
    return circuit


def hebbnet(
    shape: int | Shape = (1, 28, 28),
    units: int = 2000,
    *,
    rule: Value | None = None,
    neuron: Value | None = None,
    init: Initializer | None = None,
    rng: np.random.Generator | int = 0,
) -> Circuit:
    """Build the hidden layer of HebbNet, 784-2000 of 784-2000-10 (Gupta et al. 2021): image -> hidden, all to all.

    `neuron` is ReLU unless given; weights are drawn evenly from -1 / sqrt(inputs) to 1 / sqrt(inputs).

    Example:
        >>> hebbnet().n_slots
        1568000
    """
    shape = as_shape(shape, "hebbnet: shape")
    bound = n_neurons(shape) ** -0.5
    return Circuit().add("image", shape).connect(
        "image", "hidden", Dense(), units=units, neuron=neuron or ReLU(), rule=rule,
        weight=init or uniform(-bound, bound), rng=rng,
    )  # fmt: skip


def krotov(
    shape: int | Shape = (1, 28, 28),
    units: int = 2000,
    *,
    power: float = 4.5,
    rule: Value | None = None,
    init: Initializer | None = None,
    rng: np.random.Generator | int = 0,
) -> Circuit:
    """Build the hidden layer of Krotov and Hopfield (2019), 784-2000: y = max(w . x / norm(x), 0) ** power.

    Images are scaled to Euclidean norm 1, without which the read-out fails; weights are drawn from N(0, 1), and their
    rule takes them to unit p-norm.

    Example:
        >>> krotov().n_slots
        1568000
    """
    shape = as_shape(shape, "krotov: shape")
    return Circuit().add("image", shape, Normalize(among="neurons")).connect(
        "image", "hidden", Dense(), units=units, neuron=RePU(power), rule=rule,
        weight=init or normal(n_neurons(shape) ** 0.5), rng=rng,
    )  # fmt: skip
