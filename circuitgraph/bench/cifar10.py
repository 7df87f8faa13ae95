"""CIFAR-10: SoftHebb's three Hebbian layers (Journe et al. 2023), its rivals, and blocks that grow and are pruned."""

from circuitgraph.bench import nhs
from circuitgraph.bench.presets import presets_of
from circuitgraph.bench.settings import Recipe

RECIPE = Recipe(
    "cifar10",
    "32x32 colour photographs in 10 classes; published SoftHebb 80.3 %",
    (3, 32, 32),
    10,
    presets_of("cifar10") | {"nhs": nhs.PRESET},
)
