"""Hebbian layers on MNIST, and two cortical sheets that are pruned while they learn."""

from circuitgraph.bench import cortical
from circuitgraph.bench.presets import presets_of
from circuitgraph.bench.settings import Recipe

RECIPE = Recipe(
    "mnist",
    "28x28 handwritten digits; published SoftHebb 99.35 %",
    (1, 28, 28),
    10,
    presets_of("mnist") | {"cortical-mlp": cortical.PRESET},
)
