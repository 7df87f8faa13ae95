"""SoftHebb on whitened images, read from all layers (the soft variant of Nimmo and Mondragon 2025, and more)."""

from circuitgraph.bench.presets import softhebb
from circuitgraph.bench.presets.shared import SOFT
from circuitgraph.bench.settings import Goal, Preset

_SETTINGS = SOFT.changed({"n_train": None})
PRESET = Preset(
    "hebbian",
    "the SoftHebb network on whitened images, read from all layers",
    softhebb.build,
    _SETTINGS,
    quick=_SETTINGS.changed({"scale": 0.5, "n_train": 20_000, "epochs": 20}),
    source="Nimmo and Mondragon 2025",
    goals={"cifar10": Goal(79.2, 82.4), "cifar100": Goal(None, 58.8)},
)
