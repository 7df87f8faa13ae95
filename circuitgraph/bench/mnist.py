"""Two Hebbian convolution layers on MNIST."""

from circuitgraph.bench.settings import Settings
from circuitgraph.bench.vision import image_recipe, softhebb_layers

RECIPE = image_recipe(
    "mnist",
    "28x28 handwritten digits; published SoftHebb 99.35 %",
    softhebb_layers(2),
    Settings(epochs=30),
    Settings(widths=(48, 192), n_train=10_000, n_labelled=20_000, epochs=10),
)
