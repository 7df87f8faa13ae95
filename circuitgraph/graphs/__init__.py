"""Measures of directed and undirected graphs, on compressed arrays.  No torch, no networkx."""

from circuitgraph.graphs.arrays import Arrays
from circuitgraph.graphs.balance import Balance, balance
from circuitgraph.graphs.club import RichClub, rich_club
from circuitgraph.graphs.degrees import degrees
from circuitgraph.graphs.motifs import Motifs, motifs
from circuitgraph.graphs.nulls import draw_edges, latticise, swap_edges
from circuitgraph.graphs.participation import module_z, participation
from circuitgraph.graphs.small_world import SmallWorldness, joined, path_length, small_world

__all__ = [
    "Arrays", "Balance", "Motifs", "RichClub", "SmallWorldness", "balance", "degrees", "draw_edges", "joined",
    "latticise", "module_z", "motifs", "participation", "path_length", "rich_club", "small_world", "swap_edges",
]  # fmt: skip
