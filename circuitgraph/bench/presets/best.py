"""Ours: energies of whitened patches of whitened patches, in several paths, and one linear read-out."""

from torch import Tensor

from circuitgraph.bench.settings import Goal, Preset, Settings
from circuitgraph.ir import Circuit, Shape
from circuitgraph.nets import EnergyPath, energy_cnn, fit_energy_cnn

_SIZES = (3, 5)
CODES = 4096


def build(shape: Shape, n_classes: int, settings: Settings, seed: int) -> Circuit:
    """Wire the paths; `fit` gives the weights."""
    return energy_cnn(shape, _paths(settings), rng=seed)


def fit(circuit: Circuit, images: Tensor, settings: Settings, seed: int) -> Circuit:
    """Fit one layer after the other to training images, without labels."""
    return fit_energy_cnn(circuit, _paths(settings), images, rng=seed)


def _paths(settings: Settings) -> list[EnergyPath]:
    return [EnergyPath(size, codes=max(1, round(settings.scale * CODES))) for size in _SIZES]


_SETTINGS = Settings(
    epochs=30, learning_rate=5e-4, weight_decay=1.0, label_smoothing=0.1, dropout=0.0, power=0.5, standardize=True,
    flips=True, probe=False,
)  # fmt: skip
PRESET = Preset(
    "hebbian",
    "energies of whitened patches of whitened patches, in several paths",
    build,
    _SETTINGS,
    quick=_SETTINGS.changed({"scale": 0.125, "epochs": 20}),
    fit=fit,
    source="none: ours",
    goals={"cifar10": Goal(), "cifar100": Goal()},
)
