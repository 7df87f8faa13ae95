"""The MNIST network on Fashion-MNIST."""

from circuitgraph.bench.settings import Settings
from circuitgraph.bench.vision import image_recipe, softhebb_layers

RECIPE = image_recipe(
    "fashion-mnist",
    "28x28 pictures of clothing in 10 classes",
    softhebb_layers(2),
    Settings(epochs=30),
    Settings(widths=(48, 192), n_train=10_000, n_labelled=20_000, epochs=10),
)
