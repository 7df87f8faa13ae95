"""Message passing: one weight per edge of the data graph, or fixed coefficients."""

# --8<-- [start:code]
import torch

import circuitgraph as cg

edge_index = torch.tensor([[0, 1, 2, 2], [1, 0, 3, 0]])  # as in PyG: row 0 is pre, row 1 is post
edges = cg.GraphEdges(*edge_index)

messages = (
    cg.Circuit()
    .add("x", (16, 4))  # 16 features at each of 4 nodes
    .connect("x", "heard", edges, rule=cg.Hebb(0.01), weight=1.0)
    .connect("heard", "y", cg.Conv(1), units=8, neuron=cg.ReLU())
)
kipf = cg.Circuit().add("x", (16, 4)).connect("x", "y", cg.GraphConv(*edge_index), units=8, neuron=cg.ReLU())
print(messages)

node_features = torch.rand(4, 16)  # nodes first, as PyG has them
print(tuple(cg.compile(messages)(node_features.T[None]).shape))
print(tuple(cg.compile(kipf)(node_features.T[None]).shape))
# --8<-- [end:code]
