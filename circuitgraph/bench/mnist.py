"""Two Hebbian convolution layers on MNIST, and two cortical sheets that are pruned while they learn."""

from circuitgraph.bench import cortical
from circuitgraph.bench.settings import Settings
from circuitgraph.bench.vision import image_recipe, softhebb_layers

RECIPE = image_recipe(
    "mnist",
    "28x28 handwritten digits; published SoftHebb 99.35 %",
    softhebb_layers(2),
    Settings(epochs=30, learning_rate=1e-4, weight_decay=1.0, label_smoothing=0.1),
    Settings(widths=(48, 192), n_train=10_000, n_labelled=20_000, epochs=10),
)
RECIPE.presets["cortical-mlp"] = cortical.PRESET
