"""The MNIST networks on Fashion-MNIST."""

from circuitgraph.bench.presets import presets_of
from circuitgraph.bench.settings import Recipe

RECIPE = Recipe(
    "fashion-mnist", "28x28 pictures of clothing in 10 classes", (1, 28, 28), 10, presets_of("fashion-mnist")
)
