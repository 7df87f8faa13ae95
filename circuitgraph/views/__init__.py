"""Circuits from and to networkx, pandas, NumPy and SciPy.  The direction is always pre to post."""

from circuitgraph.views.frames import Frame, Tables, frame, from_pandas, to_pandas
from circuitgraph.views.graphs import from_networkx, to_networkx
from circuitgraph.views.matrices import from_adjacency, to_adjacency

__all__ = [
    "Frame",
    "Tables",
    "frame",
    "from_adjacency",
    "from_networkx",
    "from_pandas",
    "to_adjacency",
    "to_networkx",
    "to_pandas",
]
