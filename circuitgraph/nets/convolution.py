"""Stacks of convolutions, each with its competition and its pool."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from circuitgraph.errors import ShapeError, StructureError
from circuitgraph.ir import Circuit, Initializer, Shape, Topology, Value, normal
from circuitgraph.nets.layers import Neurons, Rules, each, layer, widths_of
from circuitgraph.neurons import BatchNorm, Chain, Neuron, Triangle
from circuitgraph.topologies import Conv, Pool, Pruned


@dataclass(frozen=True)
class ConvLayer:
    """One layer of `hebbian_cnn`: a convolution, its neurons, its rule, a pool behind.

    `padding` is the number of reflected sites beyond each border: by default half of the kernel, which keeps the number
    of sites; 0 is none.  `density` is the share of synapses that exist: each unit hears as many, drawn at random.
    """

    units: int
    kernel: int
    neuron: Value
    rule: Value | None = None
    pool: Pool | None = None
    padding: int | None = None
    density: float = 1.0

    def topology(self, pre: Shape, rng: np.random.Generator) -> Topology:
        """Give the wiring from a population of shape `pre`.

        Raises:
            ShapeError: for a window that does not fit, or a density that leaves a unit without synapses.

        Example:
            >>> import circuitgraph as cg, numpy as np
            >>> ConvLayer(4, 3, cg.ReLU(), density=0.5).topology((2, 8, 8), np.random.default_rng(0)).n_slots(
            ...     (2, 8, 8), (4, 8, 8))
            36
        """
        padding = self.kernel // 2 if self.padding is None else self.padding
        conv = Conv(self.kernel, padding=padding, mode="reflect" if padding else "zeros")
        if self.density == 1:
            return conv
        if not 0 < self.density < 1:
            raise ShapeError(f"ConvLayer: density (got {self.density!r}, expected above 0 and at most 1)")
        post = conv.post_shape(pre, self.units)
        fan_in = conv.n_slots(pre, post) // self.units
        heard = round(self.density * fan_in)
        if not heard:
            got = f"got {self.density:g} of {fan_in} synapses, expected {1 / fan_in:.2g} or more"
            raise ShapeError(f"ConvLayer: density would leave units deaf ({got})")
        rows = np.array([np.sort(rng.choice(fan_in, heard, replace=False, shuffle=False)) for _ in range(self.units)])
        return Pruned(conv, (rows + fan_in * np.arange(self.units)[:, None]).ravel())


def hebbian_cnn(
    shape: Shape, layers: Sequence[ConvLayer], *, init: Initializer | None = None, rng: np.random.Generator | int = 0
) -> Circuit:
    """Build a convolutional circuit in blocks: batch normalisation, convolution with reflected border, neuron, pool.

    Populations are named image, conv1, pool1, conv2, ...; the last one is the output.  A layer without a pool
    normalises behind its own neurons.  `init` defaults to weight vectors of norm 25, as SoftHebb needs (Journe et al.
    2023); give `normal(2 ** 0.5)` for gradient training.

    Raises:
        ShapeError: for no layers, or one that does not fit on what is below it.

    Example:
        >>> import circuitgraph as cg
        >>> block = ConvLayer(8, 3, cg.Triangle(), cg.SoftHebb(0.05), cg.Pool(2))
        >>> hebbian_cnn((1, 8, 8), [block]).summary()
        '3 populations, 17 units, 704 neurons, 80 slots, 5,120 synapses'
    """
    return stack("hebbian_cnn", shape, layers, init, rng)


def stack(
    where: str,
    shape: Shape,
    layers: Sequence[ConvLayer],
    init: Initializer | None,
    rng: np.random.Generator | int,
) -> Circuit:
    """Build what `hebbian_cnn` builds, in the name of another builder."""
    if not layers:
        raise ShapeError(f"{where}: no layers (got an empty list, expected at least one)")
    rng = np.random.default_rng(rng)
    circuit, below = Circuit().add("image", shape, BatchNorm()), "image"
    for i, each_layer in enumerate(layers, 1):
        pre = circuit.population(below).shape
        with layer(where, i, pre):
            circuit = _add_layer(circuit, below, i, each_layer, last=i == len(layers), init=init, rng=rng)
        below = circuit.populations[-1].name
    return circuit


def _add_layer(
    circuit: Circuit, below: str, i: int, given: ConvLayer, *, last: bool, init: Initializer | None,
    rng: np.random.Generator,
) -> Circuit:  # fmt: skip
    bare = given.pool is None and not last
    circuit = circuit.connect(
        below,
        f"conv{i}",
        given.topology(circuit.population(below).shape, rng),
        units=given.units,
        neuron=normalised(given.neuron) if bare else given.neuron,
        rule=given.rule,
        weight=init or normal(25.0),
        rng=rng,
    )
    if given.pool is None:
        return circuit
    return circuit.connect(f"conv{i}", f"pool{i}", given.pool, neuron=None if last else BatchNorm())


def normalised(neuron: Value) -> Chain:
    """Let batch normalisation follow a neuron in its population."""
    if not isinstance(neuron, Neuron):
        raise StructureError(f"neuron: not a neuron (got {neuron!r}, expected e.g. cg.Triangle())")
    return Chain((*(neuron.neurons if isinstance(neuron, Chain) else (neuron,)), BatchNorm()))


_LAGANI = ((96, 5, Pool(2)), (128, 3, None), (192, 3, Pool(2, how="mean")), (256, 3, None))
_DEPTHS = {"short": 3, "deep": 4}


def lagani_cnn(
    shape: Shape = (3, 32, 32),
    depth: Literal["short", "deep"] = "short",
    *,
    widths: Sequence[int] | None = None,
    rule: Rules = None,
    neuron: Neurons | None = None,
    init: Initializer | None = None,
    rng: np.random.Generator | int = 0,
) -> Circuit:
    """Build the convolutions of Lagani et al. (2021), without padding: 96 of 5x5, 128, 192 and, if deep, 256 of 3x3.

    Pools of 2x2 follow the first (the strongest) and the third (the mean).  On 32x32 colour images it ends in 4,800 or
    2,304 numbers; with a read-out of 10 classes and its bias it has 386,986 or 804,394 weights, as published.
    `neuron` is Triangle unless given.

    Raises:
        StructureError: for a depth of another name.
        ShapeError: for images that are too small, or widths of another number of layers.

    Example:
        >>> circuit = lagani_cnn(depth="deep")
        >>> sum(p.n_slots for p in circuit.projections if not p.fixed), circuit.populations[-1].n_neurons
        (781344, 2304)
    """
    if depth not in _DEPTHS:
        raise StructureError(f"lagani_cnn: depth (got {depth!r}, expected 'short' or 'deep')")
    n = _DEPTHS[depth]
    units = widths_of("lagani_cnn", widths or [row[0] for row in _LAGANI[:n]], n)
    rules, neurons = each("lagani_cnn: rule", rule, n), each("lagani_cnn: neuron", neuron or Triangle(), n)
    layers = [
        ConvLayer(units[i], kernel, neurons[i], rules[i], pool, padding=0)
        for i, (_, kernel, pool) in enumerate(_LAGANI[:n])
    ]
    return stack("lagani_cnn", shape, layers, init, rng)


def miconi_cnn(
    shape: Shape = (3, 32, 32),
    *,
    widths: Sequence[int] = (100, 196, 400),
    density: float = 0.01,
    rule: Rules = None,
    neuron: Neurons | None = None,
    init: Initializer | None = None,
    rng: np.random.Generator | int = 0,
) -> Circuit:
    """Build the sparse convolutions of Miconi (2021): 5x5 all to all, then 3x3 twice, of whose synapses 1 % exist.

    No padding, a mean over 2x2 sites behind each.  The others are absent, not zero: nothing is stored or computed for
    them.  Every unit hears `density` of the inputs in its window, drawn at random.  A given number of synapses goes a
    long way: ten times as wide, with 1,960 and 4,000 units, the sparse layers have fewer than the published dense ones.
    `neuron` is Triangle unless given.

    Raises:
        ShapeError: for images that are too small, other than three widths, or a density that leaves units deaf.

    Example:
        >>> [p.n_slots for p in miconi_cnn().projections if not p.fixed]
        [7500, 1764, 7200]
        >>> [p.n_slots for p in miconi_cnn(density=1.0).projections if not p.fixed]
        [7500, 176400, 705600]
    """
    units = widths_of("miconi_cnn", widths, 3)
    rules, neurons = each("miconi_cnn: rule", rule, 3), each("miconi_cnn: neuron", neuron or Triangle(), 3)
    layers = [
        ConvLayer(
            units[i], (5, 3, 3)[i], neurons[i], rules[i], Pool(2, how="mean"), padding=0,
            density=density if i else 1.0,
        )
        for i in range(3)
    ]  # fmt: skip
    return stack("miconi_cnn", shape, layers, init, rng)
