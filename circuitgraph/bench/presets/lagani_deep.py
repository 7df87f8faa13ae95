"""Four convolutions of Lagani et al. (2021), without padding, with hard winners (Nimmo and Mondragon 2025)."""

from circuitgraph.bench.presets.shared import HARD, rates_of, widths_of
from circuitgraph.bench.settings import Goal, Preset, Settings
from circuitgraph.ir import Circuit, Shape, normal
from circuitgraph.nets import lagani_cnn
from circuitgraph.rules import HardWTA

WIDTHS = (96, 128, 192, 256)


def build(shape: Shape, n_classes: int, settings: Settings, seed: int) -> Circuit:
    """Stack 96 units of 5x5, 128, 192 and 256 of 3x3; pools of 2x2 behind the first and the third."""
    widths, rates = widths_of(settings, WIDTHS), rates_of(settings, (0.1,) * len(WIDTHS))
    rules = [HardWTA(rate, cosine=True, normalize="activity", unit_norm=True) for rate in rates]
    return lagani_cnn(shape, "deep", widths=widths, rule=rules, init=normal(1.0), rng=seed)


_SETTINGS = HARD.changed({"readout_from": "all", "flips": True})
PRESET = Preset(
    "hebbian",
    "four small convolutions without padding, hard winners",
    build,
    _SETTINGS,
    quick=_SETTINGS.changed({"scale": 0.5, "n_train": 20_000, "epochs": 20}),
    source="Lagani et al. 2021 (network), Nimmo and Mondragon 2025 (number)",
    goals={"cifar10": Goal(52.8), "cifar100": Goal()},
)
