"""Lateral inhibition is wiring, and the compiler knows the pattern."""

# --8<-- [start:build]
import torch

import circuitgraph as cg

plain = cg.Circuit().add("x", 8).connect("x", "y", cg.Dense(), units=4).connect("y", "z", cg.Dense(), units=2)
circuit, _ = cg.Inhibit("y").apply(plain)
print(circuit)
# --8<-- [end:build]

# --8<-- [start:fused]
net = cg.compile(circuit)
print(net.plan)
# --8<-- [end:fused]

# --8<-- [start:exact]
x = torch.rand(5, 8)
judge = cg.compile(circuit, exact=True)  # every population as it stands, on the reference kernel
watched = cg.compile(circuit, keep=["y_inhibitor"])  # no fusion may remove this population
torch.testing.assert_close(net(x), judge(x))
torch.testing.assert_close(net.step(x)["y_inhibited"], torch.softmax(net.step(x)["y", "in"], 1))
print("y_inhibitor" in net.step(x), "y_inhibitor" in watched.step(x))
# --8<-- [end:exact]
