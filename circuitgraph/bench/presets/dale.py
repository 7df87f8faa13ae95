"""Dale's law with populations of its own: four in five units excite, the others inhibit (Nimmo and Mondragon 2025)."""

from circuitgraph.bench.presets import soft
from circuitgraph.bench.presets.shared import HARD
from circuitgraph.bench.settings import Goal, Preset, Settings
from circuitgraph.edits import Dale
from circuitgraph.ir import Circuit, Shape
from circuitgraph.neurons import Normalize


def build(shape: Shape, n_classes: int, settings: Settings, seed: int) -> Circuit:
    """Split the hidden layers of the SoftHebb network into excitatory and inhibitory units.

    No weight out of an excitatory unit is negative, none out of an inhibitory one positive, and learning keeps it so.
    Activity between layers must not be negative either: it is divided by its norm over units, where SoftHebb subtracts
    its mean.  (The published preset has no inhibitory units: it takes absolute values of all weights.)
    """
    circuit = soft.build(shape, n_classes, settings, seed)
    for i in (1, 2):
        circuit = circuit.replace_population(f"pool{i}", neuron=Normalize())
        circuit, _ = Dale(f"conv{i}", share=0.2).apply(circuit)
    return circuit


_SETTINGS = HARD.changed({"decorrelate": 0.0, "hebbian_batch_size": 10})
PRESET = Preset(
    "hebbian",
    "Dale's law: excitatory and inhibitory units, soft winners in each",
    build,
    _SETTINGS,
    quick=_SETTINGS.changed({"scale": 0.5, "n_train": 20_000, "epochs": 20}),
    source="Nimmo and Mondragon 2025",
    goals={"cifar10": Goal(67.3), "cifar100": Goal()},
)
