"""The laws of wiring that ship with circuitgraph."""

from circuitgraph.topologies.conv import Conv, Pool
from circuitgraph.topologies.dense import Dense, Gather, OneToOne, Spread
from circuitgraph.topologies.graph import GraphConv, GraphEdges
from circuitgraph.topologies.sparse import ErdosRenyi, Explicit, Pruned, SmallWorld

__all__ = [
    "Conv", "Dense", "ErdosRenyi", "Explicit", "Gather", "GraphConv", "GraphEdges", "OneToOne", "Pool", "Pruned", "SmallWorld", "Spread",
]  # fmt: skip
