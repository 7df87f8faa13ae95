"""The same layers on scikit-learn's 8x8 digits: no download, a few seconds."""

from circuitgraph.bench.settings import Settings
from circuitgraph.bench.vision import image_recipe, softhebb_layers

RECIPE = image_recipe(
    "digits",
    "8x8 handwritten digits that come with scikit-learn",
    softhebb_layers(2),
    Settings(epochs=50, batch_size=64, hebbian_passes=4),
    Settings(widths=(48, 192), epochs=20, batch_size=64, hebbian_passes=2),
)
