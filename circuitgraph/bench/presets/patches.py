"""Whitened patches against a dictionary of patches; the nearest 40 % fire (Thiry et al. 2021)."""

from torch import Tensor

from circuitgraph.bench.presets.shared import widths_of
from circuitgraph.bench.settings import Goal, Preset, Settings
from circuitgraph.ir import Circuit, Shape, normal
from circuitgraph.nets import patch_dictionary
from circuitgraph.neurons import NearestWinners, Normalize
from circuitgraph.topologies import Conv, Pool

SIZE = 6


def build(shape: Shape, n_classes: int, settings: Settings, seed: int) -> Circuit:
    """Wire image -> white -> words -> pool, with 3x3 means; `fit` gives the weights."""
    (units,), inputs = widths_of(settings, (2048,)), SIZE**2 * shape[0]
    net = Circuit().add("image", shape)
    net = net.connect("image", "white", Conv(SIZE), units=inputs, neuron=Normalize(), weight=normal(), fixed=True)
    net = net.connect("white", "words", Conv(1), units=units, neuron=NearestWinners(), weight=normal(), fixed=False)
    return net.connect("words", "pool", _pool(shape))


def fit(circuit: Circuit, images: Tensor, settings: Settings, seed: int) -> Circuit:
    """Whiten patches, and draw the dictionary among them."""
    units = circuit.population("words").n_units
    return patch_dictionary(images, units, size=SIZE, pool=_pool(circuit.population("image").shape), rng=seed)


def _pool(shape: Shape) -> Pool:
    third = max(1, (min(shape[1:]) - SIZE + 1) // 3)
    return Pool(third, how="mean")


_SETTINGS = Settings(
    epochs=30, learning_rate=1e-3, weight_decay=0.3, label_smoothing=0.1, dropout=0.0, standardize=True, flips=True
)
PRESET = Preset(
    "hebbian",
    "a dictionary of whitened patches, of which the nearest 40 % fire",
    build,
    _SETTINGS,
    quick=_SETTINGS.changed({"scale": 0.25, "epochs": 20}),
    fit=fit,
    source="Thiry et al. 2021, 2,048 patches",
    goals={"cifar10": Goal(82.3, 80.3), "cifar100": Goal(), "mnist": Goal(), "fashion-mnist": Goal()},
)
