"""No features at all: a linear read-out on the pixels."""

from circuitgraph.bench.settings import Goal, Preset, Settings
from circuitgraph.ir import Circuit, Shape


def build(shape: Shape, n_classes: int, settings: Settings, seed: int) -> Circuit:
    """Give the image alone."""
    return Circuit().add("image", shape)


_SETTINGS = Settings(epochs=40, learning_rate=1e-4, weight_decay=1.0, label_smoothing=0.1, probe=False)
_PLAIN = {"epochs": 30, "learning_rate": 1e-3, "weight_decay": 0.0, "label_smoothing": 0.0}
PRESET = Preset(
    "pixels",
    "a linear read-out on the pixels",
    build,
    _SETTINGS,
    quick=_SETTINGS.changed({"epochs": 20}),
    goals={
        "cifar10": Goal(None, 38.7),
        "cifar100": Goal(),
        "mnist": Goal(None, None, _PLAIN, {"n_labelled": 20_000, "epochs": 10}),
        "fashion-mnist": Goal(None, None, _PLAIN, {"n_labelled": 20_000, "epochs": 10}),
        "digits": Goal(None, None, {**_PLAIN, "epochs": 50, "batch_size": 64}, {"epochs": 20}),
    },
)
