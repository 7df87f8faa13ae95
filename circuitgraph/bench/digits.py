"""The same layers on scikit-learn's 8x8 digits: no download, a few seconds."""

from circuitgraph.bench.presets import presets_of
from circuitgraph.bench.settings import Recipe

RECIPE = Recipe("digits", "8x8 handwritten digits that come with scikit-learn", (1, 8, 8), 10, presets_of("digits"))
