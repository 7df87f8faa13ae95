"""Hard winner-take-all: only the strongest unit of each site learns, by the Instar rule (Nimmo and Mondragon 2025)."""

from circuitgraph.bench.presets.shared import three_layers
from circuitgraph.bench.settings import Goal, Preset, Settings
from circuitgraph.ir import Circuit, Shape
from circuitgraph.rules import HardWTA


def build(shape: Shape, n_classes: int, settings: Settings, seed: int) -> Circuit:
    """Stack three blocks whose units compete by the cosine to their input; the winner moves towards it."""
    return three_layers(shape, settings, seed, lambda i, rate: HardWTA(rate, cosine=True, normalize=settings.normalize))


_SETTINGS = Settings(
    epochs=40, learning_rate=1e-4, weight_decay=1.0, label_smoothing=0.1, hebbian_batch_size=64, whiten=9,
    standardize=True,
)  # fmt: skip
PRESET = Preset(
    "hebbian",
    "hard winners: the strongest unit of each site learns its whitened input",
    build,
    _SETTINGS,
    quick=_SETTINGS.changed({"scale": 0.5, "n_train": 20_000, "epochs": 20}),
    source="Nimmo and Mondragon 2025",
    goals={"cifar10": Goal(74.8), "cifar100": Goal()},
)
