"""Three convolutions of Lagani et al. (2021), without padding, with SoftHebb."""

from circuitgraph.bench.presets.shared import SOFT, rates_of, widths_of
from circuitgraph.bench.settings import Goal, Preset, Settings
from circuitgraph.ir import Circuit, Shape, normal
from circuitgraph.nets import lagani_cnn
from circuitgraph.neurons import Triangle
from circuitgraph.rules import SoftHebb

WIDTHS = (96, 128, 192)


def build(shape: Shape, n_classes: int, settings: Settings, seed: int) -> Circuit:
    """Stack 96 units of 5x5, 128 and 192 of 3x3; pools of 2x2 behind the first and the last."""
    widths, rates = widths_of(settings, WIDTHS), rates_of(settings, (0.08, 0.02, 0.02))
    rules = [SoftHebb(rate, t) for rate, t in zip(rates, (1.0, 0.65, 0.45), strict=True)]
    neurons = [Triangle(power) for power in (0.7, 1.0, 1.0)]
    return lagani_cnn(shape, "short", widths=widths, rule=rules, neuron=neurons, init=normal(25.0), rng=seed)


PRESET = Preset(
    "hebbian",
    "three small convolutions without padding, SoftHebb",
    build,
    SOFT,
    quick=SOFT.changed({"scale": 0.5, "n_train": 20_000, "epochs": 20}),
    source="Lagani et al. 2021 (network), Nimmo and Mondragon 2025 (number)",
    goals={"cifar10": Goal(59.7, 73.2), "cifar100": Goal()},
)
