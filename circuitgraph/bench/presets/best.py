"""Ours: energies of whitened patches of whitened patches, in several paths, and one linear read-out."""

from torch import Tensor

from circuitgraph.bench.settings import Goal, Preset, Settings
from circuitgraph.ir import Circuit, Shape
from circuitgraph.nets import EnergyPath, energy_cnn, fit_energy_cnn

# Patches of the image, stride of the mean over neighbours, words, codes; the last path is a single wide layer.
_PATHS = ((3, 2, 256, 4096), (5, 2, 256, 4096), (4, 3, 256, 4096), (6, 1, 1024, 0))


def build(shape: Shape, n_classes: int, settings: Settings, seed: int) -> Circuit:
    """Wire the paths; `fit` gives the weights."""
    return energy_cnn(shape, _paths(settings), rng=seed)


def fit(circuit: Circuit, images: Tensor, settings: Settings, seed: int) -> Circuit:
    """Fit one layer after the other to training images, without labels."""
    return fit_energy_cnn(circuit, _paths(settings), images, rng=seed)


def _paths(settings: Settings) -> list[EnergyPath]:
    scaled = ((*row[:2], *(round(settings.scale * n) for n in row[2:])) for row in _PATHS)
    return [EnergyPath(size, step, words, codes=codes) for size, step, words, codes in scaled]


_SETTINGS = Settings(
    epochs=30, learning_rate=5e-4, weight_decay=1.0, label_smoothing=0.1, dropout=0.0, power=0.5, standardize=True,
    flips=True, probe=False, read_batch_size=8,
)  # fmt: skip
PRESET = Preset(
    "hebbian",
    "energies of whitened patches of whitened patches, in several paths",
    build,
    _SETTINGS,
    quick=_SETTINGS.changed({"scale": 0.25, "epochs": 20}),
    fit=fit,
    source="Thiry et al. 2021, 16,384 patches: the best that was published without gradients in features",
    goals={"cifar10": Goal(85.6, 86.9), "cifar100": Goal()},
)
