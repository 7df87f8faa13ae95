"""Convolutions in two steps: over sites within each unit, then over units at each site."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from circuitgraph.ir import Circuit, Initializer, Shape, Value, normal
from circuitgraph.nets.convolution import normalised
from circuitgraph.nets.layers import Neurons, Rules, each, layer, widths_of
from circuitgraph.neurons import BatchNorm, Triangle
from circuitgraph.topologies import Conv, Pool

_POOLS = (Pool(4, 2, 1), Pool(4, 2, 1), Pool(2, how="mean"))
_WIDTHS = (96, 384, 1536)
_TRIANGLES = (Triangle(0.7), Triangle(1.4), Triangle(1.0))


def depthwise_cnn(
    shape: Shape = (3, 32, 32),
    *,
    widths: Sequence[int] = _WIDTHS,
    rule: Rules = None,
    depthwise_rule: Rules = None,
    neuron: Neurons = _TRIANGLES,
    init: Initializer | None = None,
    rng: np.random.Generator | int = 0,
) -> Circuit:
    """Build SoftHebb's three layers with separable convolutions (Nimmo and Mondragon 2025, depthwise variant).

    conv1 hears 5x5 sites of all units; conv2 and conv3 hear single sites of depth2 and depth3, each unit of which hears
    3x3 sites of one unit of the pool below.  All are normalised over the batch before they are heard.  On 32x32 colour
    images: 638,208 weights, 883,978 with a read-out of 24,576 x 10 and its bias.

    `rule` is for conv1 to conv3, `depthwise_rule` for depth2 and depth3: units of a depthwise layer share no inputs, so
    competition says nothing about which of them fits; rules without it (`Oja`, `Hebb`) do not need it.

    Raises:
        ShapeError: for images that are too small, or other than three widths.

    Example:
        >>> circuit = depthwise_cnn()
        >>> {p.name: p.n_slots for p in circuit.projections if not p.fixed}
        {'image->conv1': 7200, 'pool1->depth2': 864, 'depth2->conv2': 36864, 'pool2->depth3': 3456, \
'depth3->conv3': 589824}
    """
    units, fires = widths_of("depthwise_cnn", widths, 3), each("depthwise_cnn: neuron", neuron, 3)
    steps = _steps("depthwise_cnn", rule, depthwise_rule, init, rng)
    circuit = steps.stem("depthwise_cnn", shape, units[0], fires[0])
    for i in (2, 3):
        with layer("depthwise_cnn", i, circuit.populations[-1].shape):
            circuit = steps.depth(circuit, f"pool{i - 1}", i, BatchNorm())
            circuit = steps.point(circuit, f"depth{i}", f"conv{i}", i, units[i - 1], fires[i - 1])
            circuit = _pooled(circuit, f"conv{i}", i)
    return circuit


def residual_cnn(
    shape: Shape = (3, 32, 32),
    *,
    widths: Sequence[int] = _WIDTHS,
    expansion: int = 4,
    rule: Rules = None,
    depthwise_rule: Rules = None,
    neuron: Neurons = _TRIANGLES,
    init: Initializer | None = None,
    rng: np.random.Generator | int = 0,
) -> Circuit:
    """Build a stem of 5x5 and two residual blocks with inverted bottlenecks (Nimmo and Mondragon 2025).

    Block 2: pool1 -> expand2 (1x1, `expansion` times as many units) -> depth2 (3x3 within units) -> block2 (1x1), and
    the shortcut pool1 -> block2 (1x1).  Block 3 alike.  expand2 and block2 have the `neuron` of the block; what the
    next projection hears is normalised over the batch.  Inverted bottlenecks are due to Sandler et al. (2018).  On
    32x32 colour images: 3,784,608 weights, 4,030,378 with a read-out of 24,576 x 10 and its bias.

    The units of a block hear branch and shortcut, and compete for both.  As published, each has units of its own that
    learn apart, and a block is their sum: of features that have nothing in common.  Depthwise layers are linear, as in
    `depthwise_cnn`; published is the `neuron` of the block.  Both differences were chosen on validation images.

    `rule` serves the stem and the 1x1 projections, one for each block where three are given; `depthwise_rule` depth2
    and depth3, see `depthwise_cnn`.

    Raises:
        ShapeError: for images that are too small, other than three widths, or an expansion that is no positive integer.

    Example:
        >>> sum(p.n_slots for p in residual_cnn().projections if not p.fixed)
        3784608
    """
    units, fires = widths_of("residual_cnn", widths, 3), each("residual_cnn: neuron", neuron, 3)
    (factor,) = widths_of("residual_cnn: expansion", [expansion], 1)
    steps = _steps("residual_cnn", rule, depthwise_rule, init, rng)
    circuit = steps.stem("residual_cnn", shape, units[0], fires[0])
    for i in (2, 3):
        with layer("residual_cnn", i, circuit.populations[-1].shape):
            circuit = _block(steps, circuit, i, factor * units[i - 2], units[i - 1], fires[i - 1])
            circuit = _pooled(circuit, f"block{i}", i)
    return circuit


def _block(steps: "_Steps", circuit: Circuit, i: int, wide: int, units: int, neuron: Value) -> Circuit:
    below, expand, depth, block = f"pool{i - 1}", f"expand{i}", f"depth{i}", f"block{i}"
    circuit = steps.point(circuit, below, expand, i, wide, normalised(neuron))
    circuit = steps.depth(circuit, expand, i, BatchNorm())
    circuit = steps.point(circuit, depth, block, i, units, neuron)
    return steps.point(circuit, below, block, i)


@dataclass(frozen=True)
class _Steps:
    """The steps that both networks are made of, with the rules for each."""

    rules: tuple[Value | None, ...]
    depthwise_rules: tuple[Value | None, ...]
    init: Initializer
    rng: np.random.Generator

    def stem(self, where: str, shape: Shape, units: int, neuron: Value) -> Circuit:
        circuit, law = Circuit().add("image", shape, BatchNorm()), Conv(5, padding=2, mode="reflect")
        with layer(where, 1, circuit.populations[0].shape):
            return _pooled(self._connect(circuit, "image", "conv1", law, units, neuron, self.rules[0]), "conv1", 1)

    def point(
        self, circuit: Circuit, pre: str, post: str, i: int, units: int | None = None, neuron: Value | None = None
    ) -> Circuit:
        return self._connect(circuit, pre, post, Conv(1), units, neuron, self.rules[i - 1])

    def depth(self, circuit: Circuit, pre: str, i: int, neuron: Value) -> Circuit:
        law = Conv(3, padding=1, groups=circuit.population(pre).n_units, mode="reflect")
        return self._connect(circuit, pre, f"depth{i}", law, None, neuron, self.depthwise_rules[i - 2])

    def _connect(
        self, circuit: Circuit, pre: str, post: str, law: Conv, units: int | None, neuron: Value | None,
        rule: Value | None,
    ) -> Circuit:  # fmt: skip
        return circuit.connect(pre, post, law, units=units, neuron=neuron, rule=rule, weight=self.init, rng=self.rng)


def _steps(
    where: str, rule: Rules, depthwise_rule: Rules, init: Initializer | None, rng: np.random.Generator | int
) -> _Steps:
    rules, depthwise = each(f"{where}: rule", rule, 3), each(f"{where}: depthwise_rule", depthwise_rule, 2)
    return _Steps(rules, depthwise, init or normal(25.0), np.random.default_rng(rng))


def _pooled(circuit: Circuit, pre: str, i: int) -> Circuit:
    """Add the pool behind layer i, normalised over the batch but for the last."""
    return circuit.connect(pre, f"pool{i}", _POOLS[i - 1], neuron=BatchNorm() if i < 3 else None)
