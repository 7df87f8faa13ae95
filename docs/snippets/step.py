"""Activity lives in State, and nowhere else."""

# --8<-- [start:code]
import torch

import circuitgraph as cg

circuit = (
    cg.Circuit()
    .add("x", 4)
    .connect("x", "h", cg.Dense(), units=3, neuron=cg.ReLU())
    .connect("h", "h", cg.Dense(), delay=1, name="loop")
    .connect("h", "y", cg.Dense(), units=2)
)
net = cg.compile(circuit)
x = torch.rand(5, 4)
first = net.step(x)  # from rest
second = net.step(x, first)  # the loop now delivers h of the first step
print(second)
print(tuple(second["h"].shape), tuple(second["h", "in"].shape), second.step)
assert torch.equal(net(x), first["y"])  # calling the module is one step from rest
# --8<-- [end:code]
