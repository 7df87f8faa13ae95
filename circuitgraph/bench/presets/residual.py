"""Inverted bottlenecks with shortcuts: 1x1, depthwise 3x3, 1x1 (Nimmo and Mondragon 2025; no number given)."""

from circuitgraph.bench.presets.shared import SOFT, rates_of, widths_of
from circuitgraph.bench.settings import Goal, Preset, Settings
from circuitgraph.ir import Circuit, Shape, normal
from circuitgraph.nets import residual_cnn
from circuitgraph.rules import Oja, SoftHebb


def build(shape: Shape, n_classes: int, settings: Settings, seed: int) -> Circuit:
    """Stack 96 units of 5x5 and two inverted bottlenecks, to 384 and to 1488 units.

    Published are 1536; with fewer, the read-out can hear all layers within the published number of weights.  Branch
    and shortcut of a block are heard by the same units.
    """
    widths, rates = widths_of(settings, (96, 384, 1488)), rates_of(settings, (0.08, 0.02, 0.02))
    rules = [SoftHebb(rate, t) for rate, t in zip(rates, (1.0, 0.65, 0.25), strict=True)]
    depthwise = Oja(0.01, normalize="activity", unit_norm=True)
    return residual_cnn(shape, widths=widths, rule=rules, depthwise_rule=depthwise, init=normal(25.0), rng=seed)


PRESET = Preset(
    "hebbian",
    "inverted bottlenecks with shortcuts, 4.01 million weights with whitening and read-out",
    build,
    SOFT,
    quick=SOFT.changed({"scale": 0.5, "n_train": 20_000, "epochs": 20}),
    source="Nimmo and Mondragon 2025",
    goals={"cifar10": Goal(None, 81.6), "cifar100": Goal()},
)
