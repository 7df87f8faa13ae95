"""The CIFAR-10 networks and schedules on CIFAR-100."""

from circuitgraph.bench.presets import presets_of
from circuitgraph.bench.settings import Recipe

RECIPE = Recipe("cifar100", "32x32 colour photographs in 100 classes", (3, 32, 32), 100, presets_of("cifar100"))
