"""The presets, one file each: a circuit, how it learns, its settings, what was published and what ours gives.

To add one, write a file with a `PRESET` and name it in `PRESETS`; recipes offer it on the data sets that it fits.
"""

from circuitgraph.bench.presets import (
    adaptive,
    bcm,
    best,
    dale,
    depthwise,
    hard,
    hebbnet,
    hpca,
    kmeans,
    krotov,
    lagani_deep,
    lagani_short,
    miconi,
    optimal,
    patches,
    pixels,
    presynaptic,
    residual,
    soft,
    softhebb,
    temporal,
)  # fmt: skip
from circuitgraph.bench.settings import Preset

PRESETS: dict[str, Preset] = {
    "softhebb": softhebb.PRESET,
    "soft": soft.PRESET,
    "best": best.PRESET,
    "optimal": optimal.PRESET,
    "bcm": bcm.PRESET,
    "dale": dale.PRESET,
    "hard": hard.PRESET,
    "temporal": temporal.PRESET,
    "adaptive": adaptive.PRESET,
    "presynaptic": presynaptic.PRESET,
    "depthwise": depthwise.PRESET,
    "residual": residual.PRESET,
    "lagani-short": lagani_short.PRESET,
    "lagani-deep": lagani_deep.PRESET,
    "miconi": miconi.PRESET,
    "hpca": hpca.PRESET,
    "krotov": krotov.PRESET,
    "hebbnet": hebbnet.PRESET,
    "patches": patches.PRESET,
    "kmeans": kmeans.PRESET,
    "pixels": pixels.PRESET,
}
"""By the name on the command line; the first one is the default where it fits."""


def presets_of(dataset: str) -> dict[str, Preset]:
    """Give the presets that fit a data set, and the default one's circuit trained by gradient and left untrained.

    Example:
        >>> next(iter(presets_of("digits"))), presets_of("cifar10")["softhebb"].goal.published
        ('softhebb', 80.3)
    """
    found = {name: preset.on(dataset) for name, preset in PRESETS.items() if dataset in preset.goals}
    default = next(iter(found.values()))
    baselines = {
        "backprop": default.trained_by("backprop", "the default circuit with ReLU neurons, trained end to end"),
        "random": default.trained_by("random", "the default circuit untrained, then a linear read-out"),
    }
    return found | baselines
