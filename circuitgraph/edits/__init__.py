"""Changes of structure: a circuit to a circuit, and a remap."""

from circuitgraph.edits.edit import Edit
from circuitgraph.edits.grow import Grow, RemoveUnits, Tidy
from circuitgraph.edits.inhibit import Inhibit
from circuitgraph.edits.prune import RemoveSlots
from circuitgraph.edits.slots import AddSlots, Rewire, whole_keys

__all__ = ["AddSlots", "Edit", "Grow", "Inhibit", "RemoveSlots", "RemoveUnits", "Rewire", "Tidy", "whole_keys"]
