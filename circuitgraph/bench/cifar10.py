"""CIFAR-10: SoftHebb's three Hebbian layers (Journe et al. 2023), and blocks that grow and are pruned."""

from circuitgraph.bench import nhs
from circuitgraph.bench.settings import Settings
from circuitgraph.bench.vision import image_recipe, softhebb_layers

RECIPE = image_recipe(
    "cifar10",
    "32x32 colour photographs in 10 classes; published SoftHebb 80.3 %",
    softhebb_layers(3),
    Settings(epochs=40, learning_rate=1e-4, weight_decay=1.0, label_smoothing=0.1),
    Settings(
        widths=(48, 192, 768), n_train=20_000, epochs=20, learning_rate=1e-4, weight_decay=1.0, label_smoothing=0.1
    ),
)
RECIPE.presets["nhs"] = nhs.PRESET
