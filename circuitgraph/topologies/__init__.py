"""The laws of wiring that ship with circuitgraph."""

from circuitgraph.topologies.conv import Conv, Pool
from circuitgraph.topologies.dense import Dense, Gather, OneToOne, Spread
from circuitgraph.topologies.graph import GraphConv, GraphEdges
from circuitgraph.topologies.lateral import Lateral, difference_of_gaussians
from circuitgraph.topologies.pruned import Pruned
from circuitgraph.topologies.random import ErdosRenyi, SmallWorld
from circuitgraph.topologies.sparse import Explicit
from circuitgraph.topologies.tiles import tile_order

__all__ = [
    "Conv", "Dense", "ErdosRenyi", "Explicit", "Gather", "GraphConv", "GraphEdges", "Lateral", "OneToOne", "Pool",
    "Pruned", "SmallWorld", "Spread", "difference_of_gaussians", "tile_order",
]  # fmt: skip
