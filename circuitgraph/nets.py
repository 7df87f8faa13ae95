"""Circuits of the literature in one call.  They are plain circuits: print, edit and save them like your own."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from circuitgraph.errors import ShapeError
from circuitgraph.ir import Circuit, Initializer, Shape, Value, normal
from circuitgraph.neurons import BatchNorm, Triangle
from circuitgraph.topologies import Conv, Dense, Pool


@dataclass(frozen=True)
class ConvLayer:
    """One layer of `hebbian_cnn`: a convolution with as many sites as before, its neurons, its rule, a pool behind."""

    units: int
    kernel: int
    neuron: Value
    rule: Value | None = None
    pool: Pool | None = None


def hebbian_cnn(
    shape: Shape, layers: Sequence[ConvLayer], *, init: Initializer | None = None, rng: np.random.Generator | int = 0
) -> Circuit:
    """Build a convolutional circuit in blocks: batch normalisation, convolution with reflected border, neuron, pool.

    Populations are named image, conv1, pool1, conv2, ...; the last pool is the output. `init` defaults to weight
    vectors of norm 25, as SoftHebb needs (Journe et al. 2023); give `normal(2 ** 0.5)` for gradient training.

    Example:
        >>> import circuitgraph as cg
        >>> block = ConvLayer(8, 3, cg.Triangle(), cg.SoftHebb(0.05), cg.Pool(2))
        >>> hebbian_cnn((1, 8, 8), [block]).summary()
        '3 populations, 17 units, 704 neurons, 80 slots, 5,120 synapses'
    """
    if not layers:
        raise ShapeError("hebbian_cnn: no layers (got an empty list, expected at least one)")
    rng = np.random.default_rng(rng)
    circuit, below = Circuit().add("image", shape, BatchNorm()), "image"
    for i, layer in enumerate(layers, 1):
        conv = Conv(layer.kernel, padding=layer.kernel // 2, mode="reflect")
        circuit = circuit.connect(
            below,
            f"conv{i}",
            conv,
            units=layer.units,
            neuron=layer.neuron,
            rule=layer.rule,
            weight=init or normal(25.0),
            rng=rng,
        )
        below = f"conv{i}"
        if layer.pool is not None:
            following = BatchNorm() if i < len(layers) else None
            circuit, below = circuit.connect(below, f"pool{i}", layer.pool, neuron=following), f"pool{i}"
    return circuit


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
