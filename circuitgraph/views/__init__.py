"""Circuits from and to networkx, pandas, NumPy and SciPy.  The direction is always pre to post."""

from circuitgraph.views.balance import balance_of
from circuitgraph.views.connectome import from_connectome, spectral_radius
from circuitgraph.views.describe import describe
from circuitgraph.views.diff import diff
from circuitgraph.views.files import (
    FLY_SIGNS,
    read,
    read_graphml,
    read_node_link,
    write,
    write_graphml,
    write_node_link,
)
from circuitgraph.views.frames import Frame, Tables, frame, from_pandas, to_pandas
from circuitgraph.views.graph import Graph, graph_of
from circuitgraph.views.graphs import from_networkx, to_networkx
from circuitgraph.views.matrices import from_adjacency, to_adjacency

__all__ = [
    "FLY_SIGNS", "Frame", "Graph", "Tables", "balance_of", "describe", "diff", "frame", "from_adjacency",
    "from_connectome", "from_networkx", "from_pandas", "graph_of", "read", "read_graphml", "read_node_link",
    "spectral_radius", "to_adjacency", "to_networkx", "to_pandas", "write", "write_graphml", "write_node_link",
]  # fmt: skip
