"""A Hebbian layer, a read-out and a graph of every weight."""

# --8<-- [start:code]
import torch

import circuitgraph as cg

circuit = (
    cg.Circuit()
    .add("image", (1, 8, 8))
    .connect("image", "v1", cg.Conv(3), units=16, neuron=cg.Triangle(), rule=cg.SoftHebb(0.05))
    .connect("v1", "label", cg.Dense(), units=10)
)
net = cg.compile(circuit)
state = net.step(torch.rand(32, 1, 8, 8))  # 32 images forward
net.learn(state)  # image->v1 learns by its rule; v1->label is an ordinary parameter
print(net.plan)
graph = cg.to_networkx(net.snapshot())  # units and weights as a networkx graph
# --8<-- [end:code]
assert graph.number_of_edges() == 16 + 16 * 10
