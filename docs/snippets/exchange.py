"""A module of torch as a circuit, pruned, and written as plain torch again; a recurrent one."""

# --8<-- [start:read]
import torch
from torch import nn

import circuitgraph as cg
from circuitgraph.structural import Community, Prune, Threshold

torch.manual_seed(0)
module = nn.Sequential(
    nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 2)
).eval()
x = torch.randn(3, 1, 8, 8)
circuit = cg.from_torch(module, x)
print(circuit)
net = cg.compile(circuit).eval()
print(torch.allclose(net(x), module(x), atol=1e-5))
# --8<-- [end:read]

# --8<-- [start:prune]
labels = [0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 1]  # any partition over the units of all populations
Prune(Community.of(net.circuit, labels), Threshold(1.0), projections=("3->5",))(net)
print(circuit.n_slots, "slots before,", net.circuit.n_slots, "after")
back = cg.to_torch(net)
print(torch.allclose(back(x), net(x), atol=1e-5))
# --8<-- [end:prune]


# --8<-- [start:time]
class Tagger(nn.Module):
    """Two layers that remember, and a read-out of the last step."""

    def __init__(self):
        super().__init__()
        self.lstm, self.out = nn.LSTM(8, 16, num_layers=2, batch_first=True), nn.Linear(16, 3)

    def forward(self, x):
        y, _ = self.lstm(x)
        return self.out(y[:, -1])


module, x = Tagger(), torch.randn(4, 10, 8)  # batch, time, features
circuit = cg.from_torch(module, x)
y, state = cg.compile(circuit).run(x.transpose(0, 1))  # time first
print(torch.allclose(y[-1], module(x), atol=1e-5))
back = cg.to_torch(circuit, batch_first=True, last=True)
print(torch.allclose(back(x), module(x), atol=1e-5), [type(m).__name__ for m in back.module.children()])
# --8<-- [end:time]

# --8<-- [start:nir]
report = cg.exchange.Report()
cg.to_nir(cg.mlp([2, 3, 1]), report=report)
print(report)
# --8<-- [end:nir]
