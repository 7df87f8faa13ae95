"""Structure: values, tables, topologies, circuits and remaps.  Numpy only."""

from circuitgraph.ir.circuit import Circuit
from circuitgraph.ir.init import Initializer, normal, uniform
from circuitgraph.ir.population import Population
from circuitgraph.ir.projection import Projection
from circuitgraph.ir.remap import Remap, carry
from circuitgraph.ir.shape import Shape, n_ends, n_neurons, n_sites
from circuitgraph.ir.tables import Slots, Synapses
from circuitgraph.ir.topology import Topology
from circuitgraph.ir.value import ABSENT, Value, value

__all__ = [
    "ABSENT", "Circuit", "Initializer", "Population", "Projection", "Remap", "Shape", "Slots", "Synapses", "Topology",
    "Value", "carry", "n_ends", "n_neurons", "n_sites", "normal", "uniform", "value",
]  # fmt: skip
