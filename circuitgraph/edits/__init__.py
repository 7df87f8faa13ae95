"""Changes of structure: a circuit to a circuit, and a remap."""

from circuitgraph.edits.edit import Edit
from circuitgraph.edits.inhibit import Inhibit
from circuitgraph.edits.prune import RemoveSlots

__all__ = ["Edit", "Inhibit", "RemoveSlots"]
