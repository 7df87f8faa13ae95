"""Hard winner-take-all: only the unit nearest to its input learns (Nimmo and Mondragon 2025)."""

from circuitgraph.bench.presets.shared import HARD, three_layers
from circuitgraph.bench.settings import Goal, Preset, Settings
from circuitgraph.ir import Circuit, Shape
from circuitgraph.rules import HardWTA

RATES = (0.1, 0.1, 0.1)


def build(shape: Shape, n_classes: int, settings: Settings, seed: int) -> Circuit:
    """Stack three blocks whose units compete by the cosine to their input; the winner moves towards it."""
    return three_layers(
        shape, settings, seed, lambda i, rate: HardWTA(rate, cosine=True, normalize="activity", unit_norm=True), RATES
    )


PRESET = Preset(
    "hebbian",
    "hard winners: the unit nearest to its whitened input moves towards it",
    build,
    HARD,
    quick=HARD.changed({"scale": 0.5, "n_train": 20_000, "epochs": 20}),
    source="Nimmo and Mondragon 2025",
    goals={"cifar10": Goal(74.8, 79.6), "cifar100": Goal()},
)
