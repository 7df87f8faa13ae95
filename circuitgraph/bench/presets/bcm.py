"""BCM with hard winners: a sliding threshold between growing and weakening (Nimmo and Mondragon 2025)."""

from circuitgraph.bench.presets.shared import HARD, three_layers
from circuitgraph.bench.settings import Goal, Preset, Settings
from circuitgraph.ir import Circuit, Shape
from circuitgraph.rules import BCM

RATES = (0.02, 0.02, 0.02)
DECAYS = (0.3, 0.35, 0.35)


def build(shape: Shape, n_classes: int, settings: Settings, seed: int) -> Circuit:
    """Stack three blocks whose winners grow above, and weaken below, a threshold that follows their activity."""
    return three_layers(
        shape, settings, seed, lambda i, rate: BCM(rate, theta_decay=DECAYS[i], cosine=True, normalize="neuron"), RATES
    )


PRESET = Preset(
    "hebbian",
    "BCM: winners above a sliding threshold grow, below it they weaken",
    build,
    HARD,
    quick=HARD.changed({"scale": 0.5, "n_train": 20_000, "epochs": 20}),
    source="Nimmo and Mondragon 2025",
    goals={"cifar10": Goal(75.3, 77.8), "cifar100": Goal()},
)
