"""Presynaptic competition: synapses that carry the same input share it (Nimmo and Mondragon 2025)."""

from circuitgraph.bench.presets.shared import HARD, three_layers
from circuitgraph.bench.settings import Goal, Preset, Settings
from circuitgraph.ir import Circuit, Shape
from circuitgraph.rules import HardWTA

RATES = (0.02, 0.02, 0.02)


def build(shape: Shape, n_classes: int, settings: Settings, seed: int) -> Circuit:
    """Stack three blocks of hard winners whose synapses change by their share of what carries the same input."""
    return three_layers(
        shape,
        settings,
        seed,
        lambda i, rate: HardWTA(rate, cosine=True, normalize="neuron", unit_norm=True, presynaptic="lp"),
        RATES,
    )


PRESET = Preset(
    "hebbian",
    "hard winners whose synapses share what carries the same input",
    build,
    HARD,
    quick=HARD.changed({"scale": 0.5, "n_train": 20_000, "epochs": 20}),
    source="Nimmo and Mondragon 2025",
    goals={"cifar10": Goal(65.1, 72.8), "cifar100": Goal()},
)
