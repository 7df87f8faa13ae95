"""Layers with 1 % of their synapses, the rest absent (Miconi 2021), as wide as a tenth of the dense bytes allows."""

from circuitgraph.bench.presets.shared import SOFT, rates_of, widths_of
from circuitgraph.bench.settings import Goal, Preset, Settings
from circuitgraph.ir import Circuit, Shape, normal
from circuitgraph.nets import miconi_cnn
from circuitgraph.neurons import Triangle
from circuitgraph.rules import SoftHebb


def build(shape: Shape, n_classes: int, settings: Settings, seed: int) -> Circuit:
    """Stack 5x5 all to all and twice 3x3 with 1 % of synapses; published widths are 100, 196 and 400."""
    widths, rates = widths_of(settings, (100, 784, 1600)), rates_of(settings, (0.08, 0.02, 0.02))
    rules = [SoftHebb(rate, t) for rate, t in zip(rates, (1.0, 0.65, 0.25), strict=True)]
    neurons = [Triangle(power) for power in (0.7, 1.0, 1.0)]
    return miconi_cnn(shape, widths=widths, rule=rules, neuron=neurons, init=normal(5.0), rng=seed)


PRESET = Preset(
    "hebbian",
    "two of three layers with 99 % of their synapses absent",
    build,
    SOFT,
    quick=SOFT.changed({"scale": 0.5, "n_train": 20_000, "epochs": 20}),
    source="Miconi 2021",
    goals={"cifar10": Goal(64.65, 79.8), "cifar100": Goal()},
)
