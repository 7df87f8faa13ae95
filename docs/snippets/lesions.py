"""Two circuits compared, and what a network owes to its parts."""

# --8<-- [start:diff]
import torch

import circuitgraph as cg
from circuitgraph.structural import importance

a = cg.Circuit().add("x", 3).connect("x", "h", cg.Dense(), units=4).connect("h", "y", cg.Dense(), units=2)
b, _ = cg.RemoveUnits("h", [1]).apply(a)
print(cg.diff(a, b)[["name", "change", "n"]].to_string(index=False))
# --8<-- [end:diff]

# --8<-- [start:lesion]
net = cg.compile(cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=1, weight=[5.0, 0.0, 1.0]))
x = torch.ones(1, 3)
with net.lesioned({"x": [0]}):
    print(net(x).item(), "without unit 0 of x")
print(net(x).item(), "as before")
print(importance(net, lambda net: net(x).item(), "units")[["group", "value", "change"]].to_string(index=False))
# --8<-- [end:lesion]
