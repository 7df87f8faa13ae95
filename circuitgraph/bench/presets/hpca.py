"""Hebbian principal components, layer upon layer (Lagani et al. 2021), in the batched form of FastHebb (2022)."""

from circuitgraph.bench.presets.shared import HARD, three_layers
from circuitgraph.bench.settings import Goal, Preset, Settings
from circuitgraph.ir import Circuit, Shape
from circuitgraph.rules import Subspace

RATES = (0.01, 0.01, 0.01)


def build(shape: Shape, n_classes: int, settings: Settings, seed: int) -> Circuit:
    """Stack three blocks whose units share out the principal subspace of their input."""
    return three_layers(shape, settings, seed, lambda i, rate: Subspace(rate, normalize="neuron"), RATES)


PRESET = Preset(
    "hebbian",
    "units that share out the principal components of their input",
    build,
    HARD,
    quick=HARD.changed({"scale": 0.5, "n_train": 20_000, "epochs": 20}),
    source="Lagani et al. 2021",
    goals={"cifar10": Goal(None, 75.1), "cifar100": Goal()},
)
