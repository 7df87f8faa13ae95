"""Changes of structure: a circuit to a circuit, and a remap."""

from circuitgraph.edits.dale import Dale
from circuitgraph.edits.divide import Merge, Split
from circuitgraph.edits.edit import Edit
from circuitgraph.edits.grow import Grow, RemoveUnits, Tidy
from circuitgraph.edits.inhibit import Inhibit
from circuitgraph.edits.lateral import CentreSurround, LateralInhibition, SheetInhibition
from circuitgraph.edits.prune import RemoveSlots
from circuitgraph.edits.slots import AddSlots, Rewire, n_whole, whole_keys
from circuitgraph.edits.together import Together

__all__ = [
    "AddSlots", "CentreSurround", "Dale", "Edit", "Grow", "Inhibit", "LateralInhibition", "Merge", "RemoveSlots",
    "RemoveUnits", "Rewire", "SheetInhibition", "Split", "Tidy", "Together", "n_whole", "whole_keys",
]  # fmt: skip
