"""Dale's law with populations of its own: every unit excites, or it inhibits (Nimmo and Mondragon 2025)."""

from circuitgraph.bench.presets import softhebb
from circuitgraph.bench.presets.shared import SOFT
from circuitgraph.bench.settings import Goal, Preset, Settings
from circuitgraph.ir import Circuit, Shape
from circuitgraph.nets import on_off


def build(shape: Shape, n_classes: int, settings: Settings, seed: int) -> Circuit:
    """Let layers of the SoftHebb network send to the next by cells for more and cells for less, all excitatory.

    Cells for less are inhibited by a population of interneurons.  No weight between layers is negative, and learning
    keeps it so.  (The published preset has no inhibitory units: it takes absolute values of all weights.)
    """
    circuit = softhebb.build(shape, n_classes, settings, seed)
    for name in [p.pre for p in circuit.projections if p.rule is not None and p.pre != "image"]:
        circuit = on_off(circuit.replace_population(name, neuron=None), name)
    return circuit


PRESET = Preset(
    "hebbian",
    "Dale's law: layers send by excitatory cells, some of which interneurons inhibit",
    build,
    SOFT,
    quick=SOFT.changed({"scale": 0.5, "n_train": 20_000, "epochs": 20}),
    source="Nimmo and Mondragon 2025",
    goals={"cifar10": Goal(67.3, 81.5), "cifar100": Goal()},
)
