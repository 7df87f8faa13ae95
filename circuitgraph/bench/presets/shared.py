"""What presets share: numbers per layer that the command line may change, and a network."""

from collections.abc import Callable, Sequence

from circuitgraph.bench.settings import Settings
from circuitgraph.ir import Circuit, Shape, normal
from circuitgraph.nets import ConvLayer, hebbian_cnn
from circuitgraph.neurons import Triangle
from circuitgraph.rules import Rule
from circuitgraph.topologies import Pool


def rates_of(settings: Settings, given: Sequence[float]) -> tuple[float, ...]:
    """Give each layer's Hebbian rate: the preset's, or what `--hebbian-lr` says, one for all or one each.

    Raises:
        ValueError: for another number of rates than layers.

    Example:
        >>> rates_of(Settings(hebbian_lr=(0.1,)), (0.08, 0.005))
        (0.1, 0.1)
    """
    rates = settings.hebbian_lr or tuple(given)
    rates = rates * len(given) if len(rates) == 1 else rates
    if len(rates) != len(given):
        raise ValueError(f"network of {len(given)} layers: got {len(rates)} rates, expected one or {len(given)}")
    return rates


def widths_of(settings: Settings, given: Sequence[int]) -> tuple[int, ...]:
    """Give each layer's units: the preset's times `scale`, or what `--widths` says.

    Raises:
        ValueError: for another number of widths than layers.

    Example:
        >>> widths_of(Settings(scale=0.5), (96, 384))
        (48, 192)
    """
    widths = settings.widths or tuple(max(1, round(settings.scale * n)) for n in given)
    if len(widths) != len(given):
        raise ValueError(f"network of {len(given)} layers: got {len(widths)} widths, expected {len(given)}")
    return widths


# Units, kernel, power of the Triangle, pool: Nimmo and Mondragon (2025), the network of all their presets.
_ROWS = (
    (96, 5, 0.7, Pool(4, 2, 1)),
    (384, 3, 1.4, Pool(4, 2, 1)),
    (1536, 3, 1.0, Pool(2, how="mean")),
)


def three_layers(
    shape: Shape, settings: Settings, seed: int, rule: Callable[[int, float], Rule], rates: Sequence[float]
) -> Circuit:
    """Build the network of Nimmo and Mondragon (2025) with a rule of one's own: called as rule(layer, rate), from 0.

    Weights begin with norm 1.

    Example:
        >>> from circuitgraph.rules import HardWTA
        >>> net = three_layers((3, 32, 32), Settings(scale=0.125), 0, lambda i, rate: HardWTA(rate), (0.1, 0.1, 0.05))
        >>> [p.rule.learning_rate for p in net.projections if p.rule]
        [0.1, 0.1, 0.05]
    """
    widths, rates = widths_of(settings, [row[0] for row in _ROWS]), rates_of(settings, rates)
    layers = [
        ConvLayer(widths[i], kernel, Triangle(power), rule(i, rates[i]), pool)
        for i, (_, kernel, power, pool) in enumerate(_ROWS)
    ]
    return hebbian_cnn(shape, layers, init=normal(1.0), rng=seed)


HARD = Settings(
    epochs=40, learning_rate=3e-4, weight_decay=1.0, label_smoothing=0.1, hebbian_batch_size=64, n_train=20_000,
    whiten=9, decorrelate=0.005, standardize=True, flips=True, readout_from="all",
)  # fmt: skip
"""What presets with hard winners share: whitened images, and layers whose correlations are taken away.

Winners that are drawn to their inputs all go after what most inputs share, until that is gone.
"""
SOFT = HARD.changed({"decorrelate": 0.0, "hebbian_batch_size": 10})
"""What presets with soft winners share: whitened images; losers that unlearn need no other help."""
