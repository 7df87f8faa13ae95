"""Circuits in files that other tools read, and connectomes as their authors publish them."""

from circuitgraph.views.files.convert import read, write
from circuitgraph.views.files.graphs import read_graphml, read_node_link, write_graphml, write_node_link
from circuitgraph.views.files.transmitters import FLY_SIGNS

__all__ = ["FLY_SIGNS", "read", "read_graphml", "read_node_link", "write", "write_graphml", "write_node_link"]
