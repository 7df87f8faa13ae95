"""The strongest unit is drawn to its input, the k-th strongest pushed away (Krotov and Hopfield 2019)."""

from circuitgraph.bench.presets.shared import rates_of, widths_of
from circuitgraph.bench.settings import Goal, Preset, Settings
from circuitgraph.ir import Circuit, Shape
from circuitgraph.nets import krotov
from circuitgraph.rules import KrotovHopfield


def build(shape: Shape, n_classes: int, settings: Settings, seed: int) -> Circuit:
    """Let 2,000 units hear all of the image, scaled to norm 1, and answer by the power 4.5 of what they hear.

    Not published: the read-out hears the mean answer to the image moved by up to two pixels; `--shifts 0` is without.
    """
    (units,), (rate,) = widths_of(settings, (2000,)), rates_of(settings, (0.2,))
    return krotov(shape, units, rule=KrotovHopfield(rate, delta=0.4, top_k=7, p=3.0), rng=seed)


_SETTINGS = Settings(
    epochs=120, learning_rate=3e-3, weight_decay=0.01, label_smoothing=0.1, hebbian_batch_size=100, hebbian_passes=20,
    hebbian_decay=True, precision="fp32", dropout=0.0, standardize=True, shifts=2,
)  # fmt: skip
PRESET = Preset(
    "hebbian",
    "784-2000-10: the strongest unit learns, the seventh unlearns",
    build,
    _SETTINGS,
    quick=_SETTINGS.changed(
        {"scale": 0.25, "n_train": 10_000, "n_labelled": 20_000, "epochs": 10, "hebbian_passes": 3, "shifts": 1}
    ),
    source="Krotov and Hopfield 2019",
    goals={"mnist": Goal(98.5, 98.9), "fashion-mnist": Goal(), "cifar10": Goal()},
)
