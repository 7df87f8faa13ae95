"""A recurrent network is a loop with a delay."""

# --8<-- [start:code]
import torch

import circuitgraph as cg

rnn = (
    cg.Circuit()
    .add("x", 3)
    .connect("x", "h", cg.Dense(), units=20, neuron=cg.ReLU())
    .connect("h", "h", cg.ErdosRenyi(0.2), delay=1)
    .connect("x", "h", cg.Dense(), delay=4, name="late")
    .connect("h", "y", cg.Dense(), units=2)
)
net = cg.compile(rnn)
outputs, state = net.run(torch.rand(7, 5, 3))  # 7 time steps, 5 samples
print(tuple(outputs.shape), state.step)
more, state = net.run(torch.rand(2, 5, 3), state.detach())  # go on where the last run ended
print(tuple(more.shape), state.step)
# --8<-- [end:code]
