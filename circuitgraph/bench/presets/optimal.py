"""BCM, hard winners and lateral inhibition between sites (Nimmo and Mondragon 2025, "optimal")."""

from circuitgraph.bench.presets import bcm
from circuitgraph.bench.presets.shared import HARD
from circuitgraph.bench.settings import Goal, Preset, Settings
from circuitgraph.edits import CentreSurround
from circuitgraph.ir import Circuit, Shape

# For each layer: sigma_e, sigma_i (sites) and the width of the kernel.
_SURROUND = ((0.5, 1.2, 5), (0.5, 1.0, 3), (0.4, 0.8, 3))
STRENGTH = 0.1


def build(shape: Shape, n_classes: int, settings: Settings, seed: int) -> Circuit:
    """Let each layer of the bcm network inhibit itself at the sites around, before it is pooled.

    The published kernels have positive sums, which blur; these sum to zero.
    """
    circuit = bcm.build(shape, n_classes, settings, seed)
    for i, (sigma_e, sigma_i, width) in enumerate(_SURROUND, 1):
        inhibit = CentreSurround(f"conv{i}", sigma_e, sigma_i, strength=STRENGTH, lateral_kernel=width)
        circuit, _ = inhibit.apply(circuit)
    return circuit


PRESET = Preset(
    "hebbian",
    "BCM with hard winners, and lateral inhibition between sites",
    build,
    HARD,
    quick=HARD.changed({"scale": 0.5, "n_train": 20_000, "epochs": 20}),
    source="Nimmo and Mondragon 2025",
    goals={"cifar10": Goal(75.2, 77.1), "cifar100": Goal()},
)
