"""Statistical threshold: a winner must stand out from its rivals (Nimmo and Mondragon 2025)."""

from circuitgraph.bench.presets.shared import HARD, three_layers
from circuitgraph.bench.settings import Goal, Preset, Settings
from circuitgraph.ir import Circuit, Shape
from circuitgraph.rules import AdaptiveWinners, HardWTA

RATES = (0.1, 0.1, 0.1)


def build(shape: Shape, n_classes: int, settings: Settings, seed: int) -> Circuit:
    """Stack three blocks whose winners also have to exceed the mean of their rivals by two standard deviations."""
    return three_layers(
        shape,
        settings,
        seed,
        lambda i, rate: HardWTA(rate, cosine=True, normalize="activity", unit_norm=True, winners=AdaptiveWinners()),
        RATES,
    )


PRESET = Preset(
    "hebbian",
    "hard winners that stand out from their rivals by two standard deviations",
    build,
    HARD,
    quick=HARD.changed({"scale": 0.5, "n_train": 20_000, "epochs": 20}),
    source="Nimmo and Mondragon 2025",
    goals={"cifar10": Goal(68.5, 79.6), "cifar100": Goal()},
)
