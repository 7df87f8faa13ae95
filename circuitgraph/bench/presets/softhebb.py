"""SoftHebb: soft winner-take-all with anti-Hebbian losers (Journe et al. 2023)."""

from circuitgraph.bench.presets.shared import rates_of, widths_of
from circuitgraph.bench.settings import Goal, Preset, Settings
from circuitgraph.ir import Circuit, Shape
from circuitgraph.nets import ConvLayer, hebbian_cnn
from circuitgraph.neurons import Triangle
from circuitgraph.rules import SoftHebb
from circuitgraph.topologies import Pool

# Units, kernel, t_invert, rate, power of the Triangle, pool: the CIFAR-10 network; deeper ones end as that for STL-10.
_BELOW = ((96, 5, 1.0, 0.08, 0.7, Pool(4, 2, 1)), (384, 3, 0.65, 0.005, 1.4, Pool(4, 2, 1)))
_BETWEEN = (1536, 3, 0.45, 0.01, 1.4, Pool(4, 2, 1, how="mean"))
_TOP = {3: 1536, 4: 6144, 5: 6144}


def build(shape: Shape, n_classes: int, settings: Settings, seed: int) -> Circuit:
    """Stack 1 to 5 blocks: batch normalisation, convolution with SoftHebb, Triangle, pool."""
    depth = 3 if settings.depth is None else settings.depth
    if not 1 <= depth <= 5:
        raise ValueError(f"softhebb: layers (got {depth}, expected 1 to 5)")
    rows = _BELOW[:depth]
    if depth > 2:
        top = (_TOP[depth], 3, 0.25, 0.01, 1.0, Pool(2, how="mean"))
        rows = (*rows, *(_BETWEEN,) * (depth - 3), top)
    widths, rates = widths_of(settings, [row[0] for row in rows]), rates_of(settings, [row[3] for row in rows])
    gray = 3 / shape[0]  # fewer channels than the published three sum to a smaller u
    layers = [
        ConvLayer(
            widths[i],
            kernel,
            Triangle(power),
            SoftHebb(
                rates[i],
                t * gray if i == 0 else t,
                normalize=settings.normalize,
                cutoff=settings.cutoff if i == depth - 1 else 0.0,
            ),
            pool,
        )
        for i, (_, kernel, t, _, power, pool) in enumerate(rows)
    ]
    return hebbian_cnn(shape, layers, rng=seed)


_SETTINGS = Settings(epochs=40, learning_rate=1e-4, weight_decay=1.0, label_smoothing=0.1)
_GRAY = {"epochs": 30, "learning_rate": 3e-4, "standardize": True}
_PLAIN = {"learning_rate": 1e-3, "weight_decay": 0.0, "label_smoothing": 0.0, "standardize": False}
_LOOK = {"depth": 2, "n_train": 10_000, "n_labelled": 20_000, "epochs": 10, **_PLAIN}
PRESET = Preset(
    "hebbian",
    "Hebbian convolutions in one unsupervised pass, then a linear read-out",
    build,
    _SETTINGS,
    quick=_SETTINGS.changed({"scale": 0.5, "n_train": 20_000, "epochs": 20}),
    source="Journe et al. 2023",
    goals={
        "cifar10": Goal(80.3, 80.3),
        "cifar100": Goal(56.0),
        "mnist": Goal(99.35, 99.4, _GRAY, _LOOK),
        "fashion-mnist": Goal(None, 91.7, _GRAY, _LOOK),
        "digits": Goal(
            None,
            None,
            {"depth": 2, "batch_size": 64, "hebbian_passes": 4, "epochs": 50, **_PLAIN},
            {"n_train": None, "hebbian_passes": 2, "epochs": 20},
        ),
    },
)
